"""Averaging the weights of the steps: a smoother model than that of any single step (Polyak & Juditsky 1992)."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...models.wide import WidePart


__all__ = ["TRAINING_WEIGHTS_FILE", "NonMonotonicAverage", "WeightAverage"]


logger = logging.getLogger(__name__)

# The file lies beside a checkpoint's model.safetensors, which holds the average: it has the weights that training goes
# on from.
TRAINING_WEIGHTS_FILE = "training_weights.safetensors"


class WeightAverage(TrainerCallback):
    """Exponential moving average of a model's weights and of its floating-point buffers:

        average ← d · average + (1 − d) · weights,    d = min(decay, (1 + step) / (10 + step))

    The early d is smaller, so that the average soon forgets the random weights it starts from.

    Args:
        decay: In (0, 1); the average is over about 1 / (1 − decay) steps.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not self.average:
            self.average = {name: weight.clone() for name, weight in _weights(kwargs["model"]).items()}

    @torch.no_grad()
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        decay = min(self.decay, (1 + state.global_step) / (10 + state.global_step))
        weights = _weights(kwargs["model"])
        torch._foreach_lerp_(list(self.average.values()), [weights[name] for name in self.average], 1 - decay)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside the block `model` has the average, if there is one yet; afterwards the weights it had."""
        if not self.average:
            yield
            return
        own = {name: weight.clone() for name, weight in _weights(model).items()}
        self.assign(model)
        try:
            yield
        finally:
            _assign(model, own)

    def assign(self, model: nn.Module) -> None:
        """Leave the average in `model`, if there is one yet."""
        if self.average:
            _assign(model, self.average)

    def save(self, model: nn.Module, checkpoint: str | Path) -> None:
        """Put the weights to go on from into a checkpoint whose model file holds the average."""
        save_file(_weights(model), Path(checkpoint) / TRAINING_WEIGHTS_FILE)

    def load(self, model: nn.Module, checkpoint: str | Path) -> None:
        """Go on from a checkpoint that `model` has just loaded its average from.

        Raises:
            FileNotFoundError: the checkpoint was not written with averaging.
        """
        path = Path(checkpoint) / TRAINING_WEIGHTS_FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"`weight_average_decay`={self.decay} cannot go on from {str(checkpoint)!r}, which has no "
                f"{TRAINING_WEIGHTS_FILE}: it was written without averaging."
            )
        self.average = {name: weight.clone() for name, weight in _weights(model).items()}
        _assign(model, load_file(path))


class NonMonotonicAverage(WeightAverage):
    """NT-ASGD (Merity et al. 2018, https://arxiv.org/abs/1708.02182, algorithm 1): the plain mean of the weights of
    all steps since the validation loss stopped falling, that is, since an evaluation was no better than the best of
    those more than `patience` evaluations before it. Until then there is no average.

    Args:
        patience: The non-monotone interval n.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.steps = 0
        self.average = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """There is nothing to average yet, or a resumed run has loaded it."""

    @torch.no_grad()
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.average:
            self.steps += 1
            weights = _weights(kwargs["model"])
            values = [weights[name] for name in self.average]
            torch._foreach_lerp_(list(self.average.values()), values, 1 / (self.steps + 1))

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
        earlier = losses[: -1 - self.patience]
        if not self.average and earlier and losses[-1] > min(earlier):
            logger.warning("The validation loss has stopped falling: averaging the weights from here on (NT-ASGD).")
            self.average = {name: weight.clone() for name, weight in _weights(kwargs["model"]).items()}

    def save(self, model: nn.Module, checkpoint: str | Path) -> None:
        """Save the weights of training, as `WeightAverage.save` does; do nothing while there is no average."""
        if self.average:
            save_file(_weights(model), Path(checkpoint) / TRAINING_WEIGHTS_FILE, metadata={"steps": str(self.steps)})

    def load(self, model: nn.Module, checkpoint: str | Path) -> None:
        """Load what `save` wrote; a checkpoint without an average was written before there was one."""
        path = Path(checkpoint) / TRAINING_WEIGHTS_FILE
        if path.is_file():
            super().load(model, checkpoint)
            with safe_open(path, "pt") as file:
                self.steps = int(file.metadata()["steps"])


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    # Each tensor once, also where two names share it. A wide part is no matter of steps.
    wide = {id(buffer) for module in model.modules() if isinstance(module, WidePart) for buffer in module.buffers()}
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: weight.detach() for name, weight in named if weight.is_floating_point() and id(weight) not in wide}


@torch.no_grad()
def _assign(model: nn.Module, values: dict[str, torch.Tensor]) -> None:
    for name, weight in _weights(model).items():
        weight.copy_(values[name])
