"""Distillation of pairs: a siamese network learns what trained models say of how alike two texts are."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...data.batches.tags import IGNORED_LABEL
from ...training.distillation_trainer import TAUGHT_ITEMS, TEACHER_LOGITS, TaughtBatches, is_taught
from ...training.siamese_trainer import SiameseTrainer


__all__ = ["PairDistillationTrainer"]


class PairDistillationTrainer(TaughtBatches, SiameseTrainer):
    """A [`SiameseTrainer`] for rows with a column `teacher_logits` (labels), or (1) of a score. The loss is

        (1 - weight) · objective of the labelled pairs + weight · objective against the teacher

    The second is what [`SimilarityObjective.taught`] makes of the pairs that the teacher speaks of (Hinton et al.
    2015, https://arxiv.org/abs/1503.02531). Pairs without labels that a stronger model scores teach a siamese network
    as Augmented SBERT does (Thakur et al. 2021, https://aclanthology.org/2021.naacl-main.28); their label is -100.

    With gradient accumulation each of both parts is a mean over the pairs of the whole step that it speaks of.

    Args:
        distillation_temperature, distillation_weight: See [`TaughtBatches`].
        args, kwargs: The arguments of `SiameseTrainer`.
    """

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """See `transformers.Trainer.compute_loss`."""
        inputs = dict(inputs)
        teacher, count = inputs.pop(TEACHER_LOGITS, None), inputs.pop(TAUGHT_ITEMS, None)
        if teacher is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        known, taught = labels != IGNORED_LABEL, is_taught(teacher)
        vectors = (outputs.embeddings, outputs.embeddings_b)
        # Nothing is learnt from a part that no pair of the batch has; the gradient is then 0.
        of_labels = of_teacher = 0 * (vectors[0].sum() + vectors[1].sum())
        if known.any():
            a, b = (vector[known] for vector in vectors)
            of_labels = self.pair_objective(a, b, labels[known], _of(outputs.logits, known))
            if num_items_in_batch is not None:
                of_labels = self._weighed(of_labels, labels, num_items_in_batch)
        if taught.any():
            a, b = (vector[taught] for vector in vectors)
            logits = _of(outputs.logits, taught)
            of_teacher = self.pair_objective.taught(a, b, teacher[taught], logits, self.distillation_temperature)
            if count is not None:
                of_teacher = of_teacher * (taught.sum() / count)
        loss = (1 - self.distillation_weight) * of_labels + self.distillation_weight * of_teacher
        return (loss, outputs) if return_outputs else loss


def _of(logits: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor | None:
    """The logits of some pairs; None where there is no classifier, and the logits are similarities."""
    return logits[pairs] if logits.ndim == 2 else None
