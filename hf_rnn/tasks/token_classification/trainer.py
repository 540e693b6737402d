"""Training and measuring a tagger on sentences of which some tags are none of its labels."""

from __future__ import annotations

from typing import Any

import torch

from ...data.batches.tags import IGNORED_LABEL
from ...training.distillation_trainer import DistillationTrainer
from ...training.trainer import RecurrentTrainer


__all__ = ["TaggingDistillationTrainer", "TaggingTrainer"]


class TaggingTrainer(RecurrentTrainer):
    """As [`RecurrentTrainer`]. Rows that are evaluated may have labels from the model's number of labels on, which no
    model can predict: the loss leaves them out, and `compute_metrics` is given them, as errors of the model.
    """

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> tuple[Any, Any, Any]:
        """See `transformers.Trainer.prediction_step`."""
        if "labels" not in inputs:
            return super().prediction_step(model, inputs, *args, **kwargs)
        inputs = self._prepare_inputs(inputs)
        labels = inputs["labels"]
        config: Any = self.accelerator.unwrap_model(model).config
        known = labels.masked_fill(labels >= config.num_labels, IGNORED_LABEL)
        loss, logits, found = super().prediction_step(model, {**inputs, "labels": known}, *args, **kwargs)
        if loss is not None and not bool((known != IGNORED_LABEL).any()):
            # The mean of nothing, which stock models give as NaN.
            loss = torch.zeros_like(loss)
        return loss, logits, None if found is None else labels


class TaggingDistillationTrainer(TaggingTrainer, DistillationTrainer):
    """As [`TaggingTrainer`], for rows with logits of a teacher."""
