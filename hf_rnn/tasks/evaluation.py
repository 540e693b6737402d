"""A finished model measured on new labelled data, by the metrics of the run that made it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from transformers import Pipeline

from ..bundles import bundled_name, checkpoint_folder
from ..checksums import file_checksum
from ..data.batches.streams import TokenStreams
from ..data.readers.documents import LanguageDataArguments, load_language_data
from ..data.readers.files import existing_file, expand_path, files_of, names_files
from ..extras import require_extra
from ..inference.pipelines import SIMILARITY, WRITING, checksum_of, label_names, load_pipeline, make_pipeline
from ..inference.prediction import predict_texts
from ..inference.series_files import is_of_series
from ..inference.steps import steps_of
from ..inference.tagging import tag_sentences
from ..kernels.threads import computing_threads
from ..metrics.confusion import ConfusionTable, confusion_table, label_confusion
from ..metrics.language import language_metrics
from ..metrics.pairs import pair_figures
from ..metrics.similarity import matching_figures
from ..metrics.text_loss import text_loss
from ..models.label_threshold import label_threshold
from ..runs.folder import RESULTS_FILE
from ..runs.kinds import find_kind
from ..runs.provenance import describe_machine, library_versions
from ..runs.results import CLASSIFIER, ResultsError, read_results
from .language_modeling.task import encode_splits
from .sequence_to_sequence.comparing import SequenceTestArguments, read_targets
from .sequence_to_sequence.measuring import figures_measured
from .similarity.building import LABEL_NAMES
from .similarity.comparing import PairTestArguments, read_all_pairs
from .similarity.measuring import retrieval_of, triplets_of
from .test_set import TestSet
from .text_classification.comparing import TextTestArguments, read_texts
from .time_series.evaluating import SeriesTestArguments, evaluate_series
from .token_classification.comparing import TokenTestArguments, read_sentences, step_results
from .token_classification.natural_text import detokenized_figures


__all__ = ["EVALUATIONS_FOLDER", "Evaluation", "evaluate_file"]


logger = logging.getLogger(__name__)

EVALUATIONS_FOLDER = "evaluations"


@dataclass(frozen=True)
class Evaluation:
    """The figures that [`evaluate_file`] measured.

    Attributes:
        path: The JSON file that was written.
        task: The pipeline's name of it.
        rows: How many rows were measured; of a language model, tokens.
        metrics: Metric → figure.
        confusion: Of a classifier with one label a text and of a tagger of entities: true → predicted → count.
    """

    path: Path
    task: str
    rows: int
    metrics: dict[str, float]
    confusion: ConfusionTable | None


def evaluate_file(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    task: str | None = None,
    batch_size: int = 32,
    progress: bool = True,
    **columns: Any,
) -> Evaluation:
    """The figures of a model on labelled data: those that its run measured on the test split, but for the loss of
    others than language models.

    They are written as JSON, with what was measured and when; `results.json` is not changed. A classifier's threshold
    and that of a similarity are those of the model's configuration.

    Args:
        model: A folder, a repository of the Hub, or `bundled:NAME`.
        data: A file of rows with labels, as those that it was trained on, or a dataset of the Hub, of which the test
            split is read.
        output: The JSON file. Default: `evaluations/NAME.json` in the folder of the model, where it is a folder of
            this machine and not a bundled one; else in the current folder.
        task: text-classification, token-classification, sentence-similarity or text-generation. Default: what the
            checkpoint does, which may also be to forecast time series.
        batch_size: Texts that are computed together.
        progress: Whether bars are shown, on standard error.
        columns: How the data are read: arguments of `TextTestArguments`, `TokenTestArguments`, `PairTestArguments`,
            `SequenceTestArguments`, `LanguageDataArguments` or `SeriesTestArguments`, such as `label_column_name`.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: there is no such model.
        ValueError: the output exists; the data do not fit, or have a label that the model does not know: the message
            names it, its row, and those that it knows. Of tags they count as errors, unless all but O are unknown.
        MissingExtraError: the extra `train` is not installed.
    """
    require_extra("train", "Measuring a model")
    path = _output(model, data, output)
    source = {key: value for key, value in columns.items() if value is not None}
    files = [existing_file(name) for name in files_of(os.fspath(data))] if names_files(os.fspath(data)) else []
    source["test_file" if files else "dataset_name"] = os.fspath(data)
    if task is None and is_of_series(model):
        network, rows, metrics = evaluate_series(model, _arguments(SeriesTestArguments, source), batch_size)
        done, checksum, confusion = "time-series-forecasting", checksum_of(network, None), None
    else:
        done, checksum, rows, metrics, confusion = _pipeline_figures(model, task, source, batch_size, progress)
    document = {
        "task": done,
        "model": {"name": bundled_name(str(model)) or os.fspath(model), "sha256": checksum},
        "data": {
            "name": os.fspath(data),
            "rows": rows,
            "sha256": _checksum(files),
            "arguments": {key: value for key, value in columns.items() if value is not None},
        },
        "metrics": metrics,
        "confusion": confusion,
        "machine": describe_machine(),
        "versions": library_versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)
    return Evaluation(path, done, rows, metrics, confusion)


def _pipeline_figures(
    model: str | os.PathLike[str], task: str | None, source: dict[str, Any], batch_size: int, progress: bool
) -> tuple[str, str, int, dict[str, float], ConfusionTable | None]:
    """What a pipeline answers, measured: the task, the model's checksum, rows, figures and confusions."""
    pipeline = load_pipeline(model, task)
    # A classifier of pairs is a similarity's, too, whose figures its run has as well.
    done = SIMILARITY if pipeline.model.config.model_type == "siamese" else find_kind(str(pipeline.task)).name
    confusion = None
    if pipeline.task == "text-generation":
        rows, metrics = _language_figures(pipeline, source)
    elif pipeline.task == WRITING:
        rows, metrics = _written_figures(pipeline, _as_trained(model) | source, batch_size, progress)
    else:
        rows, metrics, confusion = _labelled_figures(pipeline, source, batch_size, progress)
    return done, checksum_of(pipeline.model, pipeline.tokenizer), rows, metrics, confusion


def _checksum(files: list[Path]) -> str | list[str] | None:
    """Compute the checksum of a file, or of each of several; None for a dataset."""
    found = [file_checksum(file) for file in files]
    return found if len(found) > 1 else next(iter(found), None)


def _output(
    model: str | os.PathLike[str], data: str | os.PathLike[str], output: str | os.PathLike[str] | None
) -> Path:
    if output is None:
        folder = Path(model) if Path(model).is_dir() and bundled_name(str(model)) is None else Path()
        path = folder / EVALUATIONS_FOLDER / f"{Path(data).stem}.json"
    else:
        path = expand_path(os.fspath(output))
    if path.exists():
        raise ValueError(f"`output`={str(path)!r} exists already; name another file or remove it.")
    return path


def _arguments(group: Any, given: Mapping[str, Any]) -> Any:
    """An instance of the argument dataclass `group`; a ValueError for an argument that it does not have."""
    known = {field.name for field in fields(group)}
    for name in given:
        if name not in known:
            raise ValueError(
                f"`{name}`={given[name]!r} was given, and data for this model are not read by it; they are by "
                f"{', '.join(sorted(known))}."
            )
    return group(**given)


def _language_figures(pipeline: Pipeline, source: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    """Measure a language model on the whole text in one stream, as a run does."""
    given = dict(source)
    if "test_file" in given:
        given["train_file"] = given.pop("test_file")
    arguments = _arguments(LanguageDataArguments, given)
    splits = load_language_data(arguments)
    split = "train" if "train_file" in given or "test" not in splits.splits else "test"
    model, tokenizer = pipeline.model, pipeline.tokenizer
    assert tokenizer is not None
    texts = encode_splits(splits, tokenizer, reverse=arguments.reverse_text, only=(split,))
    stream = TokenStreams(texts[split])
    with computing_threads(model):
        nats = text_loss(model, stream)
    return stream.num_tokens, language_metrics(nats, len(stream), stream.predicted_characters)


def _as_trained(model: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of the figures that the run in the model's folder measured; none of a folder without a run's
    results, and of a model of the Hub.
    """
    file = Path(checkpoint_folder(model, "model")) / RESULTS_FILE
    if not file.is_file():
        return {}
    try:
        results = read_results(file)
    except ResultsError as error:
        logger.warning("The columns of the data decide which figures are measured: %s.", error)
        return {}
    kind = figures_measured(chain.from_iterable(results["metrics"].values()))
    lowercase = results["training"]["arguments"].get("lowercase_figures")
    return {name: value for name, value in (("figures", kind), ("lowercase_figures", lowercase)) if value}


def _written_figures(
    pipeline: Pipeline, source: Mapping[str, Any], batch_size: int, progress: bool
) -> tuple[int, dict[str, float]]:
    """Measure what an encoder-decoder writes, as its generation configuration says."""
    test = read_targets(_arguments(SequenceTestArguments, source))
    answers = predict_texts(pipeline, test.inputs, batch_size, progress=progress, do_sample=False)
    return len(test.inputs), test.metrics([answer[0]["generated_text"] for answer in answers])


def _labelled_figures(
    pipeline: Pipeline, source: Mapping[str, Any], batch_size: int, progress: bool
) -> tuple[int, dict[str, float], ConfusionTable | None]:
    if pipeline.model.config.model_type == "siamese":
        return _pair_results(pipeline, _arguments(PairTestArguments, source), batch_size, progress)
    names = label_names(pipeline.model.config)
    if pipeline.task == "token-classification":
        if steps_of(pipeline.model) is not None:
            return *step_results(pipeline, _arguments(TokenTestArguments, source), batch_size), None
        test = read_sentences(_arguments(TokenTestArguments, source), _ids(names))
        return len(test.inputs), *_tag_figures(pipeline, test, names, batch_size, progress)
    test = _texts(source, pipeline.model.config, names)
    logits = _logits(pipeline, test, names, batch_size, progress)
    confusion = None
    if test.problem_type == "single_label_classification":
        confusion = label_confusion(test.references, [int(row.argmax()) for row in logits], names)
    figures = test.metrics(logits.tolist(), label_threshold(pipeline.model.config))
    return len(test.inputs), figures, confusion


def _texts(source: Mapping[str, Any], config: Any, names: list[str]) -> TestSet:
    several = config.problem_type == "regression" and len(names) > 1
    known = None if config.problem_type == "regression" and not several else _ids(names)
    if several and "label_column_name" not in source:
        # The outputs are called as the columns that they were learnt from.
        source = {**source, "label_column_name": ",".join(names)}
    return read_texts(_arguments(TextTestArguments, source), known, problem_type=config.problem_type)


def _ids(names: list[str]) -> dict[str, int]:
    return {name: index for index, name in enumerate(names)}


def _logits(pipeline: Pipeline, test: TestSet, names: list[str], batch_size: int, progress: bool) -> np.ndarray:
    """(texts, labels), in the order of the ids."""
    answers = predict_texts(pipeline, test.inputs, batch_size, progress=progress, top_k=None, function_to_apply="none")
    scores = ({row["label"]: row["score"] for row in answer} for answer in answers)
    return np.array([[row[name] for name in names] for row in scores])


def _tag_figures(
    pipeline: Pipeline, test: TestSet, names: list[str], batch_size: int, progress: bool
) -> tuple[dict[str, float], ConfusionTable | None]:
    model, tokenizer = pipeline.model, pipeline.tokenizer
    assert tokenizer is not None
    predicted = tag_sentences(model, tokenizer, test.inputs, batch_size)
    metrics = test.metrics(predicted)
    if test.problem_type != "tagging":
        return metrics, None
    metrics |= detokenized_figures(model, tokenizer, test.inputs, test.references, progress=progress)
    # A type that the model does not know has a row, too.
    return metrics, confusion_table(
        test.references, predicted, list(dict.fromkeys([*names, *chain(*test.references)]))
    )


def _pair_results(
    pipeline: Pipeline, arguments: PairTestArguments, batch_size: int, progress: bool
) -> tuple[int, dict[str, float], ConfusionTable | None]:
    model: Any = pipeline.model
    names = label_names(model.config)
    scores = model.config.problem_type == "regression"
    classifies = pipeline.task == "text-classification" and names != list(LABEL_NAMES) and not scores
    test = read_all_pairs(arguments, names if classifies else None)
    if (test.problem_type == "classes") != classifies:
        raise ValueError(
            f"The model {'classifies pairs' if classifies else 'compares texts'}, and the pairs have "
            f"{test.problem_type}; `label_column_name` and `label_kind` say how their labels are read."
        )
    if classifies:
        logits = _logits(pipeline, test, names, batch_size, progress)
        confusion = label_confusion(test.references, [int(row.argmax()) for row in logits], names)
        return len(test.inputs), test.metrics(logits.tolist()), confusion
    if pipeline.task == "text-classification" and scores:
        if test.problem_type != "scores":
            raise ValueError(
                f"The model scores pairs, and the pairs have {test.problem_type}; `label_column_name` and "
                "`label_kind` say how their labels are read."
            )
        predicted = [answer["score"] for answer in predict_texts(pipeline, test.inputs, batch_size, progress=progress)]
        return len(test.inputs), test.metrics(predicted, None), None
    if test.problem_type != "positives":
        return len(test.inputs), _pair_figures(pipeline, test, batch_size, progress), None
    network = model.base_model
    pairs = [(pair["text"], pair["text_pair"]) for pair in test.inputs]
    with computing_threads(network):
        first, second = (
            network.encode(list(side), pipeline.tokenizer, batch_size) for side in zip(*pairs, strict=True)
        )
    return len(pairs), matching_figures(first, second, pairs, network.config.similarity), None


def _pair_figures(pipeline: Pipeline, test: TestSet, batch_size: int, progress: bool) -> dict[str, float]:
    """Measure the similarity, the classifier if there is one, and retrieval if the pairs have labels."""
    model: Any = pipeline.model
    tokenizer = pipeline.tokenizer
    network = model.base_model
    comparer = make_pipeline(SIMILARITY, network, tokenizer)
    similarities = [answer["score"] for answer in predict_texts(comparer, test.inputs, batch_size, progress=progress)]
    figures = test.metrics(similarities, network.config.threshold)
    if test.problem_type != "labels":
        return figures
    if pipeline.task == "text-classification":
        logits = _logits(pipeline, test, label_names(model.config), batch_size, progress)
        of_classifier = pair_figures("labels", logits[:, 1] - logits[:, 0], None, test.references, threshold=0.0)
        figures |= {CLASSIFIER + name: value for name, value in of_classifier.items()}
    pairs = [(pair["text"], pair["text_pair"]) for pair in test.inputs]
    with computing_threads(network):
        if test.triplets is not None:
            figures |= triplets_of(network, tokenizer, test.triplets, batch_size)
        return figures | retrieval_of(network, tokenizer, pairs, test.references, batch_size)
