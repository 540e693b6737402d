"""The figures of a siamese network that was trained on pairs: by its similarity, by its classifier, in retrieval."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from transformers import EvalPrediction

from ...data.readers.pairs import PairData
from ...data.readers.texts import TextClassificationData
from ...metrics.classification import metrics_for
from ...metrics.pairs import matching_metrics_for, pair_figures, predicted_scores
from ...metrics.similarity import best_threshold, retrieval_figures
from ...metrics.triplets import triplet_figures
from ...runs.describe import split_metrics
from ...runs.folder import PREDICTIONS_FILE
from ...training.trainer import RecurrentTrainer
from ..text_classification.task import write_predictions as write_classes


__all__ = [
    "choose_thresholds",
    "measure_pairs",
    "retrieval_of",
    "text_pairs",
    "triplet_texts",
    "triplets_of",
    "write_predictions",
]


logger = logging.getLogger(__name__)


def measure_pairs(
    trainer: RecurrentTrainer,
    splits: dict[str, datasets.Dataset],
    data: PairData,
    threshold_metric: str,
    output: Path,
) -> dict[str, dict[str, float]]:
    """The figures of each split that the trainer's arguments want, and `predictions.csv` of the test split. A network
    that was trained is given its threshold first.

    Args:
        splits: Tokenized pairs; `train_whole` are the training pairs as they are evaluated.
    """
    if data.kind in ("classes", "positives"):
        return _measure_whole(trainer, splits, data, output)
    if cast(Any, trainer).pair_objective.of_triplets:
        # They are of triplets, and here pairs are measured.
        trainer.compute_metrics = None
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    if data.kind == "labels" and (trainer.args.do_train or model.config.threshold is None):
        choose_thresholds(trainer, _threshold_pairs(splits), threshold_metric)
    wanted = {"train": "train_whole", "validation": "validation"} if trainer.args.do_eval else {}
    if trainer.args.do_predict:
        wanted["test"] = "test"
    metrics = {}
    for name, split in ((name, split) for name, split in wanted.items() if split in splits):
        predicted = trainer.predict(splits[split], metric_key_prefix=name)
        similarities, log_odds = predicted_scores(predicted.predictions)
        labels = np.asarray(predicted.label_ids)
        loss = split_metrics(predicted.metrics or {}, name).get("loss")
        metrics[name] = {} if loss is None else {"loss": loss}
        metrics[name] |= pair_figures(
            data.kind, similarities, log_odds, labels, threshold=model.config.threshold, odds_threshold=0.0
        )
        if data.kind == "labels" and name != "train":
            rows = data.splits[name]
            metrics[name] |= retrieval_of(
                model.base_model,
                trainer.processing_class,
                text_pairs(rows),
                rows["label"][:],
                trainer.args.eval_batch_size,
            )
        if name != "train" and name in (data.triplets or {}):
            texts = triplet_texts(cast(Any, data.triplets)[name])
            batch_size = trainer.args.eval_batch_size
            metrics[name] |= triplets_of(model.base_model, trainer.processing_class, texts, batch_size)
        if name == "test":
            write_predictions(output / PREDICTIONS_FILE, similarities, labels, model.config.threshold, log_odds)
    return metrics


def _measure_whole(
    trainer: RecurrentTrainer, splits: dict[str, datasets.Dataset], data: PairData, output: Path
) -> dict[str, dict[str, float]]:
    """The figures of a classifier of three classes or more: accuracy and means over the classes; or of pairs that are
    all alike: how well each first text finds its second one. Among the training texts, whose number is not bounded,
    none is searched for.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    names = data.label_names
    wanted = {"train": "train_whole", "validation": "validation"} if trainer.args.do_eval else {}
    if names is None:
        wanted.pop("train", None)
        # It knows the texts of the validation split alone.
        trainer.compute_metrics = None
    if trainer.args.do_predict:
        wanted["test"] = "test"
    metrics: dict[str, dict[str, float]] = {}
    for name, split in ((name, split) for name, split in wanted.items() if split in splits):
        predicted: Any = trainer.predict(splits[split], metric_key_prefix=name)
        rows = data.splits[name]
        if names is None:
            compute = matching_metrics_for(text_pairs(rows), model.config.similarity)
        else:
            compute = metrics_for("single_label_classification", len(names))
        loss = split_metrics(predicted.metrics or {}, name).get("loss")
        metrics[name] = ({} if loss is None else {"loss": loss}) | compute(
            EvalPrediction(predicted.predictions, predicted.label_ids)
        )
        if name == "test" and names is None:
            similarities = np.asarray(predicted.predictions[0], dtype=np.float64)
            write_predictions(output / PREDICTIONS_FILE, similarities, np.asarray(predicted.label_ids), None, None)
        elif name == "test":
            named = TextClassificationData(data.splits, names, "single_label_classification", data.dataset_name)
            write_classes(output / PREDICTIONS_FILE, predicted.predictions, predicted.label_ids, named)
    return metrics


def text_pairs(rows: datasets.Dataset) -> list[tuple[str, str]]:
    """The two texts of each row."""
    return list(zip(rows["text"][:], rows["text_b"][:], strict=True))


def choose_thresholds(trainer: RecurrentTrainer, pairs: Any, metric: str) -> None:
    """The threshold of the similarity that is best on labelled `pairs` goes into the configuration, that of a
    classifier into its bias, so that its likelier label is right the most often; and both into the saved model.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    predicted = trainer.predict(pairs, metric_key_prefix="threshold")
    similarities, log_odds = predicted_scores(predicted.predictions)
    model.config.threshold = best_threshold(similarities, predicted.label_ids, metric)
    model.config.threshold_metric = metric
    if log_odds is not None:
        with torch.no_grad():
            model.output.bias[1] -= best_threshold(log_odds, predicted.label_ids, metric)
    trainer.save_model()


def _threshold_pairs(splits: dict[str, datasets.Dataset]) -> datasets.Dataset:
    split = "validation" if "validation" in splits else "train_whole"
    if split != "validation":
        logger.warning("There is no validation split: the threshold is the best of the training pairs.")
    return splits[split]


def retrieval_of(
    model: Any, tokenizer: Any, pairs: Sequence[tuple[str, str]], labels: Sequence[float], batch_size: int
) -> dict[str, float]:
    """The figures of `retrieval_figures`, where every text of the pairs is searched for the others that are alike;
    none where no two different texts are.

    Args:
        model: A `SiameseModel`.
        labels: 1 for pairs that are alike, else 0.
    """
    alike = [pair for pair, label in zip(pairs, labels, strict=True) if label == 1]
    if all(first == second for first, second in alike):
        return {}
    texts = list(dict.fromkeys([*(first for first, _ in pairs), *(second for _, second in pairs)]))
    vectors = model.encode(texts, tokenizer, batch_size)
    return retrieval_figures(vectors, texts, alike, model.config.similarity)


def triplet_texts(rows: datasets.Dataset) -> tuple[list[str], list[str], list[str]]:
    """The anchors, the positives and the negatives of triplets."""
    return rows["text"][:], rows["text_b"][:], rows["text_c"][:]


def triplets_of(
    model: Any, tokenizer: Any, texts: tuple[Sequence[str], Sequence[str], Sequence[str]], batch_size: int
) -> dict[str, float]:
    """The figures of `triplet_figures` of anchors, positives and negatives, by a `SiameseModel`; a text that comes
    more than once is encoded once.
    """
    different = list(dict.fromkeys(text for side in texts for text in side))
    place = {text: index for index, text in enumerate(different)}
    vectors = model.encode(different, tokenizer, batch_size)
    anchors, positives, negatives = (vectors[[place[text] for text in side]] for side in texts)
    return triplet_figures(anchors, positives, negatives, model.config.similarity)


def write_predictions(
    path: Path, similarities: np.ndarray, labels: np.ndarray, threshold: float | None, log_odds: np.ndarray | None
) -> None:
    """One row for each pair of the test split, in its order: `row`, the true `label` or score, the `similarity`; with
    a threshold, the `prediction`, 1 from there on; of a classifier its `probability` that they are alike.
    """
    columns = {"label": [f"{label:g}" for label in labels], "similarity": [f"{value:.6f}" for value in similarities]}
    if threshold is not None:
        columns["prediction"] = [str(int(value >= threshold)) for value in similarities]
    if log_odds is not None:
        # The sigmoid as a tanh: exp(-x) overflows for large negative logits.
        columns["probability"] = [f"{(1 + np.tanh(value / 2)) / 2:.6f}" for value in log_odds]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", *columns])
        writer.writerows([row, *values] for row, values in enumerate(zip(*columns.values(), strict=True)))
