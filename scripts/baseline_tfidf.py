"""The baseline every text classifier has to beat: TF-IDF of words and word pairs, and logistic regression.

    python scripts/baseline_tfidf.py scripts/recipes/baselines/imdb_tfidf.json
    python scripts/baseline_tfidf.py --train_file reviews.csv --validation_split_percentage 20 --output_dir runs/tfidf

Reads what the training scripts read and ends in the same `results.json`. The strength of regularisation is chosen on
the validation split; the test split is measured only under `--do_predict`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import HfArgumentParser

from hf_rnn.data.readers import DataArguments, TextClassificationData, load_text_classification
from hf_rnn.training.arguments import ReportArguments
from hf_rnn.training.describe import non_default_arguments
from hf_rnn.training.metrics import ClassificationMetric
from hf_rnn.training.recipes import parse_arguments
from hf_rnn.training.results import build_results, write_results


if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Inverse strengths of regularisation that are tried; three steps to a decade around scikit-learn's default.
STRENGTHS = (1.0, 3.0, 10.0, 30.0)
SIZE_NOTE = "Size: the vocabulary as UTF-8 lines, inverse document frequencies and coefficients as float32."


@dataclass
class BaselineArguments:
    """What to fit, what to measure, where to write."""

    output_dir: str = field(metadata={"help": "Where results.json is written."})
    ngram_max: int = field(default=2, metadata={"help": "1: words; 2: words and pairs of words.", "choices": [1, 2]})
    min_frequency: int = field(default=2, metadata={"help": "Texts a term must occur in to be used."})
    refit: bool = field(
        default=False, metadata={"help": "Fit again on train and validation rows once the strength is chosen."}
    )
    do_predict: bool = field(default=False, metadata={"help": "Measure on the test split as well."})


def fit_baseline(
    data: TextClassificationData, arguments: BaselineArguments
) -> tuple[Pipeline, dict[str, dict[str, float]]]:
    """The classifier fitted on `train`, its strength chosen on `validation`, and its figures on both."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    def vectorizer() -> TfidfVectorizer:
        return TfidfVectorizer(
            ngram_range=(1, arguments.ngram_max), min_df=arguments.min_frequency, sublinear_tf=True, dtype=np.float32
        )

    train, validation = data.splits["train"], data.splits["validation"]
    # The terms do not depend on the strength: they are counted once.
    terms = vectorizer()
    features, held_out = terms.fit_transform(train["text"]), terms.transform(validation["text"])
    fitted = [LogisticRegression(C=strength, max_iter=1000).fit(features, train["label"]) for strength in STRENGTHS]
    best = max(fitted, key=lambda classifier: classifier.score(held_out, validation["label"]))
    pipeline = Pipeline([("tfidf", terms), ("classifier", best)])
    figures = {split: measure(pipeline, data, split) for split in ("train", "validation")}
    if arguments.refit:
        pipeline = Pipeline([("tfidf", vectorizer()), ("classifier", LogisticRegression(C=best.C, max_iter=1000))])
        pipeline.fit([*train["text"], *validation["text"]], [*train["label"], *validation["label"]])
    return pipeline, figures


def measure(pipeline: Pipeline, data: TextClassificationData, split: str) -> dict[str, float]:
    """Figures on one split."""
    rows = data.splits[split]
    return ClassificationMetric().compute(
        predictions=pipeline.predict(rows["text"]), references=rows["label"], num_labels=len(data.label_names or [])
    )


def describe_pipeline(pipeline: Pipeline) -> dict[str, Any]:
    """The `model` section of results.json; for the size see `SIZE_NOTE`."""
    terms, classifier = pipeline["tfidf"], pipeline["classifier"]
    weights = classifier.coef_.size + classifier.intercept_.size
    vocabulary = sum(len(term.encode()) + 1 for term in terms.vocabulary_)
    return {
        "class": "Pipeline",
        "model_type": None,
        "base_model": None,
        "parameters": weights,
        "size_bytes": vocabulary + 4 * (weights + terms.idf_.size),
        "config": {"C": classifier.C, "terms": len(terms.vocabulary_)},
    }


def read_data(arguments: DataArguments, do_predict: bool) -> TextClassificationData:
    """Labelled texts with every split that will be used, or an error that says which is missing."""
    data = load_text_classification(arguments)
    if data.problem_type != "single_label_classification":
        raise ValueError(f"`label_column_name` must hold one label a text; its problem type is {data.problem_type}.")
    for split in ("train", "validation", *(["test"] if do_predict else [])):
        if split not in data.splits:
            raise ValueError(f"Give `{split}_file` or `{split}_split_percentage`: there are only {list(data.splits)}.")
    return data


def main() -> None:
    parser = HfArgumentParser((DataArguments, BaselineArguments, ReportArguments))  # type: ignore[arg-type]
    (data_arguments, arguments, report), recipe = parse_arguments(parser)
    data = read_data(data_arguments, arguments.do_predict)
    start = time.perf_counter()
    pipeline, metrics = fit_baseline(data, arguments)
    minutes = (time.perf_counter() - start) / 60
    if arguments.do_predict:
        metrics["test"] = measure(pipeline, data, "test")
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
            "notes": " ".join(filter(None, (report.dataset_notes, refit_note, SIZE_NOTE))),
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
