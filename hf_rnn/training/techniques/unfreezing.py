"""Gradual unfreezing: the head is trained first, then one layer more in each epoch (Howard & Ruder 2018)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from torch import nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .layer_groups import layer_groups


__all__ = ["GradualUnfreezing", "gradual_unfreezing"]


logger = logging.getLogger(__name__)


class GradualUnfreezing(TrainerCallback):
    """Trains the upper k of the model's [`layer_groups`] in epoch k, from 1, and in the end all of them. Which
    these are follows from the epoch alone, so that a resumed run goes on as it would have.

    A frozen parameter gets no gradient: the optimizer skips it, its weight decay included, and has no state of it yet.
    """

    def __init__(self) -> None:
        self.groups: list[list[nn.Parameter]] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # A run that starts again with smaller batches (`auto_find_batch_size`) has frozen some.
        self.unfreeze()
        self.groups = layer_groups(kwargs["model"])
        if state.num_train_epochs < len(self.groups):
            logger.warning(
                "`gradual_unfreezing`: of %d groups of layers, in %d epochs the lowest %d are never trained.",
                len(self.groups),
                state.num_train_epochs,
                len(self.groups) - state.num_train_epochs,
            )

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # A fraction where a run is resumed inside an epoch.
        ended = int(state.epoch or 0)
        for depth, group in enumerate(self.groups):
            for parameter in group:
                parameter.requires_grad_(depth <= ended)

    def unfreeze(self) -> None:
        """Make all trainable that was so when training began."""
        for group in self.groups:
            for parameter in group:
                parameter.requires_grad_(True)


@contextlib.contextmanager
def gradual_unfreezing(trainer: Trainer) -> Iterator[None]:
    """Inside the block `trainer` trains by [`GradualUnfreezing`]; afterwards nothing is frozen by it."""
    callback = GradualUnfreezing()
    trainer.add_callback(callback)
    try:
        yield
    finally:
        trainer.remove_callback(callback)
        callback.unfreeze()
