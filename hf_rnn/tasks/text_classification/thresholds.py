"""The threshold of a text's labels, where it may have several: chosen on validation when the training is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import datasets
import numpy as np
from transformers import EvalPrediction

from ...data.readers.label_forms import MULTI
from ...data.readers.texts import TextClassificationData
from ...metrics.classification import metrics_for
from ...metrics.label_threshold import best_label_threshold, probabilities_of
from ...models.label_threshold import label_threshold
from ...training.trainer import RecurrentTrainer


__all__ = ["metrics_on_the_way", "settle_threshold"]


logger = logging.getLogger(__name__)


def metrics_on_the_way(
    data: TextClassificationData, overrides: Mapping[str, Any]
) -> Callable[[EvalPrediction], dict[str, float]]:
    """The metrics of each evaluation while the model is trained. Where a text may have several labels, the threshold
    is the best one of the evaluated rows, as it will be the best one of validation in the end; unless `overrides`,
    what the user gave of the configuration, have a `label_threshold`.
    """
    chosen = overrides.get("label_threshold")
    return metrics_for(data.problem_type, _num_labels(data), threshold=chosen, label_names=data.label_names)


def settle_threshold(
    trainer: RecurrentTrainer,
    splits: Mapping[str, datasets.Dataset],
    data: TextClassificationData,
    overrides: Mapping[str, Any],
) -> None:
    """Give the configuration of a model that was trained, and the folder that it is saved in, the threshold of its
    labels that has the best F1 on validation, and let the trainer measure by it from here on.

    A model that was not trained keeps its own, and so does one whose `overrides` name a `label_threshold`. Without
    validation rows, or where none of them has a label, there is none: 0.5 is taken, and a warning says so. A model of
    one label a text has none.
    """
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    config = model.config
    if trainer.args.do_train and "label_threshold" not in overrides:
        chosen = _chosen(trainer, splits.get("validation")) if data.problem_type == MULTI else None
        if chosen != getattr(config, "label_threshold", None):
            config.label_threshold = chosen
            trainer.save_model()
    trainer.compute_metrics = metrics_for(
        data.problem_type, _num_labels(data), threshold=label_threshold(config), label_names=data.label_names
    )


def _chosen(trainer: RecurrentTrainer, validation: datasets.Dataset | None) -> float | None:
    if validation is None or not any(any(labels) for labels in validation["labels"][:]):
        lack = "There is no validation split" if validation is None else "No validation row has a label"
        logger.warning(
            "%s to choose the threshold of the labels on: a text has those whose probability is at least 0.5. "
            "--config_overrides '{\"label_threshold\": 0.3}' names another.",
            lack,
        )
        return None
    predicted = trainer.predict(validation, metric_key_prefix="threshold")
    outputs = predicted.predictions
    logits = np.asarray(outputs[0] if isinstance(outputs, tuple) else outputs)
    return best_label_threshold(probabilities_of(logits), predicted.label_ids)


def _num_labels(data: TextClassificationData) -> int:
    return len(data.label_names or ["score"])
