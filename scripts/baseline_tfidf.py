"""The baseline every text classifier has to beat: words and n-grams of words, and logistic regression over them.

    python scripts/baseline_tfidf.py scripts/recipes/baselines/imdb_tfidf.json
    python scripts/baseline_tfidf.py scripts/recipes/baselines/imdb_naive_bayes.json
    python scripts/baseline_tfidf.py --train_file reviews.csv --validation_split_percentage 20 --output_dir runs/tfidf

Reads what the training scripts read and ends in the same `results.json`. The strength of regularisation is chosen on
the validation split; the test split is measured only under `--do_predict`. With `--unlabelled_file` it also writes
what it says of these texts to `OUTPUT_DIR/unlabelled.parquet`, for `run_text_classification.py --unlabelled_file`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import HfArgumentParser

from hf_rnn.cli.train import errors_in_one_line
from hf_rnn.data.readers.texts import DataArguments, TextClassificationData, load_text_classification
from hf_rnn.extras import require_extra
from hf_rnn.metrics.classification import ClassificationMetric
from hf_rnn.runs.describe import non_default_arguments
from hf_rnn.runs.results import build_results, write_results
from hf_rnn.tasks.arguments import ReportArguments
from hf_rnn.tasks.recipes import parse_arguments
from hf_rnn.tasks.text_classification.distilling import load_unlabelled_texts
from hf_rnn.training.distillation_trainer import TEACHER_LOGITS


if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

# Inverse strengths of regularisation that are tried, two to a decade.
STRENGTHS = {"tfidf": (1.0, 3.0, 10.0, 30.0), "naive_bayes": (0.03, 0.1, 0.3, 1.0)}
SIZE_NOTE = {
    "tfidf": "Size: the vocabulary as UTF-8 lines, inverse document frequencies and coefficients as float32.",
    "naive_bayes": "Size: the vocabulary as UTF-8 lines, and coefficients, ratios included, as float32.",
}


@dataclass
class BaselineArguments:
    """What to fit, what to measure, where to write."""

    output_dir: str = field(metadata={"help": "Where results.json is written."})
    weighting: str = field(
        default="tfidf",
        metadata={
            "help": "tfidf, or naive_bayes: whether a term occurs, times the ratio of its frequencies in two classes.",
            "choices": ["tfidf", "naive_bayes"],
        },
    )
    ngram_max: int = field(default=2, metadata={"help": "The most words of a term.", "choices": [1, 2, 3]})
    min_frequency: int = field(default=2, metadata={"help": "Texts a term must occur in to be used."})
    refit: bool = field(
        default=False, metadata={"help": "Fit again on train and validation rows once the strength is chosen."}
    )
    do_predict: bool = field(default=False, metadata={"help": "Measure on the test split as well."})
    unlabelled_file: str | None = field(
        default=None,
        metadata={"help": "Texts of which the logits are written, scaled to fit the validation split; two classes."},
    )


def untrained(arguments: BaselineArguments) -> Pipeline:
    """From texts to features."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline

    from hf_rnn.baselines.naive_bayes import naive_bayes_terms

    if arguments.weighting == "naive_bayes":
        return naive_bayes_terms(arguments.ngram_max, arguments.min_frequency)
    terms = TfidfVectorizer(
        ngram_range=(1, arguments.ngram_max), min_df=arguments.min_frequency, sublinear_tf=True, dtype=np.float32
    )
    return Pipeline([("terms", terms)])


def linear(weighting: str, strength: float) -> LogisticRegression:
    """The classifier; that of two classes with many more terms than texts is solved in its dual form."""
    from sklearn.linear_model import LogisticRegression

    dual = {"solver": "liblinear", "dual": True, "random_state": 0} if weighting == "naive_bayes" else {}
    return LogisticRegression(C=strength, max_iter=1000, **dual)


def fit_baseline(
    data: TextClassificationData, arguments: BaselineArguments
) -> tuple[Pipeline, dict[str, dict[str, float]], float | None]:
    """
    The classifier fitted on `train`, its strength chosen on `validation`, and its figures on both; of two classes also
    the number that its logits are to be multiplied by to fit `validation` (before it is fitted again on these rows).
    """
    from sklearn.pipeline import Pipeline

    from hf_rnn.baselines.naive_bayes import logit_scale

    train, validation = data.splits["train"], data.splits["validation"]
    # The features do not depend on the strength: they are made once.
    terms = untrained(arguments)
    features, held_out = terms.fit_transform(train["text"], train["label"]), terms.transform(validation["text"])
    strengths = STRENGTHS[arguments.weighting]
    fitted = [linear(arguments.weighting, strength).fit(features, train["label"]) for strength in strengths]
    best = max(fitted, key=lambda classifier: classifier.score(held_out, validation["label"]))
    scale = None
    if len(best.classes_) == 2:
        scale = logit_scale(best.decision_function(held_out), validation["label"])
    pipeline = Pipeline([*terms.steps, ("classifier", best)])
    figures = {split: measure(pipeline, data, split) for split in ("train", "validation")}
    if arguments.refit:
        pipeline = Pipeline([*untrained(arguments).steps, ("classifier", linear(arguments.weighting, best.C))])
        pipeline.fit([*train["text"], *validation["text"]], [*train["label"], *validation["label"]])
    return pipeline, figures, scale


def write_logits(pipeline: Pipeline, texts: list[str], scale: float, path: Path) -> None:
    """The texts, and in `teacher_logits` the logits of both classes, whose mean is 0."""
    from datasets import Dataset

    logits = scale / 2 * pipeline.decision_function(texts)
    rows = Dataset.from_dict({"text": texts, TEACHER_LOGITS: np.stack([-logits, logits], axis=1).tolist()})
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(str(path))


def measure(pipeline: Pipeline, data: TextClassificationData, split: str) -> dict[str, float]:
    """Figures on one split."""
    rows = data.splits[split]
    return ClassificationMetric().compute(
        predictions=pipeline.predict(rows["text"]), references=rows["label"], num_labels=len(data.label_names or [])
    )


def describe_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """The `model` section of results.json; for the size see `SIZE_NOTE`."""
    terms, classifier = pipeline["terms"], pipeline["classifier"]
    weights = classifier.coef_.size + classifier.intercept_.size
    # Ratios are multiplied into the coefficients; frequencies are normalised after they were.
    frequencies = getattr(terms, "idf_", np.empty(0)).size
    vocabulary = sum(len(term.encode()) + 1 for term in terms.vocabulary_)
    return {
        "class": "Pipeline",
        "model_type": None,
        "base_model": None,
        "parameters": weights,
        "size_bytes": vocabulary + 4 * (weights + frequencies),
        "config": {"C": classifier.C, "terms": len(terms.vocabulary_)},
    }


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


def main() -> None:
    parser = HfArgumentParser((DataArguments, BaselineArguments, ReportArguments))  # type: ignore[arg-type]
    (data_arguments, arguments, report), recipe = parse_arguments(parser)
    with errors_in_one_line():
        require_extra("train", "The baseline", "scikit-learn")
    data = read_data(data_arguments, arguments)
    start = time.perf_counter()
    pipeline, metrics, scale = fit_baseline(data, arguments)
    minutes = (time.perf_counter() - start) / 60
    if arguments.do_predict:
        metrics["test"] = measure(pipeline, data, "test")
    if arguments.unlabelled_file is not None and scale is not None:
        texts = load_unlabelled_texts(arguments.unlabelled_file, data_arguments)
        write_logits(pipeline, texts, scale, Path(arguments.output_dir) / "unlabelled.parquet")
    refit_note = "Fitted again on train and validation rows before the test." if arguments.refit else None
    results = build_results(
        task="text-classification",
        name=report.report_name or Path(arguments.output_dir).name,
        model=describe_pipeline(pipeline),
        dataset={
            "name": report.dataset_title or data.dataset_name,
            "hub_id": report.dataset_hub_id or data_arguments.dataset_name,
            "source": data_arguments.train_file,
            "splits": {split: len(rows) for split, rows in data.splits.items()},
            "notes": " ".join(filter(None, (report.dataset_notes, refit_note, SIZE_NOTE[arguments.weighting]))),
        },
        metrics=metrics,
        training={
            "minutes": minutes,
            "selection": {"split": "validation", "metric": "accuracy"},
            "arguments": non_default_arguments(data_arguments, arguments),
        },
        recipe=recipe,
    )
    path = write_results(results, Path(arguments.output_dir) / "results.json")
    for split, figures in metrics.items():
        print(f"{split}: accuracy {figures['accuracy']:.4f}")
    print(f"C = {pipeline['classifier'].C:g}, {minutes * 60:.0f} seconds. Wrote {path}.")


if __name__ == "__main__":
    main()
