"""The baseline every text classifier has to beat: words and n-grams of words, and logistic regression over them.

    python scripts/baseline_tfidf.py hf_rnn/recipes/baselines/imdb_tfidf.json
    python scripts/baseline_tfidf.py hf_rnn/recipes/baselines/imdb_naive_bayes.json
    python scripts/baseline_tfidf.py --train_file reviews.csv --validation_split_percentage 20 --output_dir runs/tfidf

Reads what the training scripts read and ends in the same `results.json`. The strength of regularisation is chosen on
the validation split; the test split is measured only under `--do_predict`. With `--unlabelled_file` it also writes
what it says of these texts, and of those of validation and test, to `OUTPUT_DIR/teacher_logits.parquet`, which is a
teacher for `hf-rnn distill`. Of the training texts, which it has learnt by heart, it says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...data.readers.texts import DataArguments, TextClassificationData, load_text_classification
from ...extras import require_extra
from ...metrics.classification import ClassificationMetric
from ...tasks.arguments import ReportArguments
from ...tasks.recipes import parse_arguments
from ...tasks.text_classification.distilling import load_unlabelled_texts
from ...training.distillation_trainer import TEACHER_LOGITS
from ..errors import errors_in_one_line
from ..flags import CommandParser
from .results import write_baseline_results


if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


__all__ = ["BaselineArguments", "main"]


# The file of what it says, in `output_dir`.
TEACHER_FILE = "teacher_logits.parquet"
SIZE_NOTE = {
    "tfidf": "Size: the vocabulary as UTF-8 lines, inverse document frequencies and coefficients as float32.",
    "naive_bayes": "Size: the vocabulary as UTF-8 lines, and coefficients, ratios included, as float32.",
}


@dataclass
class BaselineArguments:
    """The linear model to fit, what to measure, and the folder to write into."""

    output_dir: str = field(metadata={"help": "Folder to write results.json into."})
    weighting: str = field(
        default="tfidf",
        metadata={
            "help": "Weight of a term in a text: tfidf, or naive_bayes (whether it occurs, times the ratio "
            "of its frequencies in two classes).",
            "choices": ["tfidf", "naive_bayes"],
        },
    )
    ngram_max: int = field(default=2, metadata={"help": "Largest number of words of a term.", "choices": [1, 2, 3]})
    min_frequency: int = field(default=2, metadata={"help": "Number of texts that a term must occur in to be used."})
    refit: bool = field(
        default=False, metadata={"help": "Fit again on train and validation rows once the strength is chosen."}
    )
    do_predict: bool = field(default=False, metadata={"help": "Measure on the test split as well."})
    unlabelled_file: str | None = field(
        default=None,
        metadata={
            "help": "File of texts, of which the logits are written beside those of validation and test, scaled to "
            "fit the validation split; for two classes. Default: none."
        },
    )


def fit_baseline(
    data: TextClassificationData, arguments: BaselineArguments
) -> tuple[Pipeline, Pipeline, dict[str, dict[str, float]], float | None]:
    """The classifier fitted on `train`, its strength chosen on `validation`; the one that is measured on test, which
    with `refit` is fitted again on both; the figures of the first on both; and of two classes the number that its
    logits are to be multiplied by to fit `validation`.
    """
    from sklearn.pipeline import Pipeline

    from ...baselines.linear import classifier, fit_best, terms

    rows = {
        split: (data.splits[split]["text"][:], data.splits[split]["label"][:]) for split in ("train", "validation")
    }
    shape = (arguments.weighting, arguments.ngram_max, arguments.min_frequency)
    chosen, scale = fit_best(terms(*shape), arguments.weighting, rows["train"], rows["validation"])
    figures = {split: measure(chosen, data, split) for split in rows}
    final = chosen
    if arguments.refit:
        best = classifier(arguments.weighting, chosen["classifier"].C)
        final = Pipeline([*terms(*shape).steps, ("classifier", best)])
        texts, labels = zip(*rows.values(), strict=True)
        final.fit(sum(texts, []), sum(labels, []))
    return chosen, final, figures, scale


def write_logits(said: Sequence[tuple[Pipeline, list[str]]], scale: float, path: Path) -> None:
    """Write texts, and in `teacher_logits` the logits of both classes, whose mean is 0.

    Args:
        said: Classifiers, each with the texts that it is asked for. A text that comes twice has the first answer.
        scale: What their logits are multiplied by.
    """
    from datasets import Dataset

    known: dict[str, float] = {}
    for pipeline, texts in said:
        for text, odds in zip(texts, scale / 2 * pipeline.decision_function(texts), strict=True):
            known.setdefault(text, float(odds))
    logits = np.array([*known.values()])
    rows = Dataset.from_dict({"text": [*known], TEACHER_LOGITS: np.stack([-logits, logits], axis=1).tolist()})
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(str(path))


def measure(pipeline: Pipeline, data: TextClassificationData, split: str) -> dict[str, float]:
    """Figures on one split."""
    rows = data.splits[split]
    return ClassificationMetric().compute(
        predictions=pipeline.predict(rows["text"]), references=rows["label"], num_labels=len(data.label_names or [])
    )


def read_data(arguments: DataArguments, baseline: BaselineArguments) -> TextClassificationData:
    """Labelled texts with every split that will be used, or an error that says which is missing."""
    data = load_text_classification(arguments)
    if data.problem_type != "single_label_classification":
        raise ValueError(f"`label_column_name` must hold one label a text; its problem type is {data.problem_type}.")
    names = data.label_names or []
    for argument in ("weighting", "unlabelled_file"):
        value = getattr(baseline, argument)
        if value not in ("tfidf", None) and len(names) != 2:
            raise ValueError(f"`{argument}`={value!r} is for data of two classes; there are {', '.join(names)}.")
    for split in ("train", "validation", *(["test"] if baseline.do_predict else [])):
        if split not in data.splits:
            raise ValueError(f"Give `{split}_file` or `{split}_split_percentage`: there are only {list(data.splits)}.")
    return data


def main(arguments: list[str]) -> None:
    """`scripts/baseline_tfidf.py`."""
    groups = (DataArguments, BaselineArguments, ReportArguments)
    parser = CommandParser(groups, usage="[RECIPE] [--flag value ...]", description=__doc__)
    with errors_in_one_line(ValueError, FileNotFoundError):
        (data_arguments, given, report), recipe = parse_arguments(parser, arguments)
    require_extra("train", "The baseline", "scikit-learn")
    # It imports scikit-learn.
    from ...baselines.linear import describe

    data = read_data(data_arguments, given)
    start = time.perf_counter()
    chosen, pipeline, metrics, scale = fit_baseline(data, given)
    minutes = (time.perf_counter() - start) / 60
    if given.do_predict:
        metrics["test"] = measure(pipeline, data, "test")
    if given.unlabelled_file is not None and scale is not None:
        texts = load_unlabelled_texts(given.unlabelled_file, data_arguments)
        own = [(chosen, data.splits["validation"]["text"][:])]
        if "test" in data.splits:
            own.append((pipeline, data.splits["test"]["text"][:]))
        write_logits([*own, (pipeline, texts)], scale, Path(given.output_dir) / TEACHER_FILE)
    refit_note = "Fitted again on train and validation rows before the test." if given.refit else None
    path = write_baseline_results(
        given.output_dir,
        task="text-classification",
        model=describe(pipeline),
        metrics=metrics,
        selected_by="accuracy",
        minutes=minutes,
        dataset_name=data.dataset_name,
        splits={split: len(rows) for split, rows in data.splits.items()},
        notes=(refit_note, SIZE_NOTE[given.weighting]),
        data=data_arguments,
        report=report,
        recorded=(data_arguments, given),
        recipe=recipe,
    )
    for split, figures in metrics.items():
        print(f"{split}: accuracy {figures['accuracy']:.4f}")
    print(f"C = {pipeline['classifier'].C:g}, {minutes * 60:.0f} seconds. Wrote {path}.")
