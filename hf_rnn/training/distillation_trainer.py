"""Distillation: a recurrent network learns what a trained model, such as a BERT, says of each text or token.

Hinton et al. 2015 (https://arxiv.org/abs/1503.02531) for classes; for tags with a CRF the posterior distillation of
Wang et al. 2020 (https://arxiv.org/abs/2004.03846), whose target is the CRF's own marginals, not its emissions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data.batches.collator import PaddingCollator
from ..losses.distillation import distillation_loss
from ..models.crf import FORBIDDEN
from ..models.modeling_rnn import RecurrentForTokenClassification
from ..models.words import Words
from .trainer import RecurrentTrainer


__all__ = [
    "TAUGHT_ITEMS",
    "TEACHER_LOGITS",
    "DistillationTrainer",
    "TaggedDistillationCollator",
    "TaughtBatches",
    "is_taught",
    "tag_log_probabilities",
]


# The column of what the teacher says, and the name by which a batch carries the number of items that it speaks of.
TEACHER_LOGITS = "teacher_logits"
TAUGHT_ITEMS = "taught_items"


class TaggedDistillationCollator(PaddingCollator):
    """[`PaddingCollator`] for rows of which some columns `teacher_logits` hold (pieces · labels) numbers."""

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """See `PaddingCollator`; `teacher_logits` (batch, time, labels), NaN at the padding."""
        if not features or TEACHER_LOGITS not in features[0]:
            return super().__call__(features)
        others = [{name: value for name, value in row.items() if name != TEACHER_LOGITS} for row in features]
        batch = super().__call__(others)
        rows = [np.reshape(row[TEACHER_LOGITS], (len(row["input_ids"]), -1)) for row in features]
        padded = np.full((*batch["input_ids"].shape, rows[0].shape[1]), np.nan, dtype=np.float32)
        for target, row in zip(padded, rows, strict=True):
            start = 0 if self.tokenizer.padding_side == "right" else len(target) - len(row)
            target[start : start + len(row)] = row
        return {**batch, TEACHER_LOGITS: torch.from_numpy(padded)}


class TaughtBatches(RecurrentTrainer):
    """A Trainer for rows with a column `teacher_logits`, which counts what the teacher speaks of in a whole step.

    Args:
        distillation_temperature, distillation_weight: See [`DistillationArguments`].
        args, kwargs: The arguments of `RecurrentTrainer`.
    """

    def __init__(
        self, *args: Any, distillation_temperature: float = 2.0, distillation_weight: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.distillation_temperature = distillation_temperature
        self.distillation_weight = distillation_weight

    def _set_signature_columns_if_needed(self) -> None:
        if self._signature_columns is None:
            super()._set_signature_columns_if_needed()
            # Columns of other names are taken out of the batches.
            self._signature_columns = [*(self._signature_columns or []), TEACHER_LOGITS]  # type: ignore[assignment]

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> tuple[list[Any], torch.Tensor | int | None]:
        """See `transformers.Trainer.get_batch_samples`; each batch also carries the taught items of all of them."""
        batches, labelled = super().get_batch_samples(*args, **kwargs)
        taught = sum((is_taught(batch[TEACHER_LOGITS]).sum() for batch in batches), torch.zeros(()))
        # The mean over processes, because the gradients of the processes are averaged.
        taught = self.accelerator.reduce(taught.to(self.args.device), "mean").clamp(min=1)
        for batch in batches:
            batch[TAUGHT_ITEMS] = taught
        if labelled is not None:
            labelled = torch.as_tensor(labelled)
            # The loss of the labels is 0, not NaN, where nothing is labelled.
            labelled = torch.where(labelled > 0, labelled, torch.ones_like(labelled))
        return batches, labelled


class DistillationTrainer(TaughtBatches):
    """A [`RecurrentTrainer`] for rows with a column `teacher_logits`. The loss is (1 - weight) · that of
    the labels + weight · [`distillation_loss`]: the first an average over the labelled items (texts, or tokens), the
    second over those with logits of the teacher, each of the whole accumulated batch. Rows without a label have the
    labels -100. What is evaluated has no such column, and its loss is that of the labels.

    The model is a recurrent one. A tagger with a CRF is compared by its marginals, which are what the temperature
    softens, so that at any temperature the loss is least where they are the teacher's probabilities. What the rules
    of the labels forbid at a place is left out of both distributions.

    Args:
        distillation_temperature, distillation_weight: See [`DistillationArguments`].
        args, kwargs: The arguments of `RecurrentTrainer`.
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
        of_labels, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        student, teacher = _taught_items(self.accelerator.unwrap_model(model), inputs, outputs, teacher)
        terms = distillation_loss(student, teacher, self.distillation_temperature)
        of_teacher = terms.sum() / (max(1, len(terms)) if count is None else count)
        loss = (1 - self.distillation_weight) * of_labels + self.distillation_weight * of_teacher
        return (loss, outputs) if return_outputs else loss


def is_taught(teacher_logits: torch.Tensor) -> torch.Tensor:
    """Tell where the teacher says something, (…), given its logits (…, labels)."""
    return ~teacher_logits.isnan().any(-1)


def _taught_items(
    model: nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], teacher: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give what student and teacher say of the texts or words that the teacher has scored, each (items, labels)."""
    if not isinstance(model, RecurrentForTokenClassification):
        taught = is_taught(teacher)
        return outputs["logits"][taught], teacher[taught]
    words = _words_of(model, inputs)
    teacher = words.from_pieces(teacher)
    taught = words.mask & is_taught(teacher)
    student, teacher = model.head.log_probabilities(outputs["emissions"], words.mask)[taught], teacher[taught]
    return student, teacher.masked_fill(student < FORBIDDEN / 2, FORBIDDEN)


def tag_log_probabilities(
    model: RecurrentForTokenClassification, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Give the logarithms of the probabilities of the labels at each piece, (batch, time, labels): every piece of a
    word has what its word has, and padding anything. Those of a CRF are its marginals.

    Args:
        model: A recurrent tagger.
        input_ids, attention_mask: (batch, time).
    """
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    words = _words_of(model, inputs)
    return words.to_pieces(model.head.log_probabilities(model(**inputs).emissions, words.mask))


def _words_of(model: RecurrentForTokenClassification, inputs: Mapping[str, torch.Tensor | None]) -> Words:
    ids, mask = model.model.inputs_and_mask(inputs["input_ids"], inputs.get("attention_mask"), None)
    return model.model.embeddings.find_words(ids, mask) or Words.each_a_piece(mask)
