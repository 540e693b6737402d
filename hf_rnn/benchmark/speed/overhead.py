"""Measures what the trainer adds to a training step, beside a hand-written loop over the same batches."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, get_scheduler

from ...training.trainer import RecurrentTrainer


__all__ = ["BareLoop", "TrainerOverhead", "measure_overhead"]


@dataclass(frozen=True)
class TrainerOverhead:
    """Medians over the steps, in milliseconds: of the bare loop's, of the trainer's, and of what each step added."""

    bare_ms: float
    trainer_ms: float
    added_ms: float

    @property
    def share(self) -> float:
        """The time that the trainer adds, as a share of a step of the bare loop."""
        return self.added_ms / self.bare_ms


class BareLoop:
    """The loop of PyTorch's tutorials with what the trainer does by default: AdamW, a linear schedule, clipped
    gradients.

    Args:
        model: Trained in place; its forward returns a `loss`.
        arguments: Those of the trainer to compare with; `learning_rate` is set.
        batches: All that it will see, already padded: loading them is the trainer's own cost.
    """

    def __init__(self, model: nn.Module, arguments: TrainingArguments, batches: list[dict[str, torch.Tensor]]) -> None:
        self.model, self.batches, self.max_grad_norm = model, batches, arguments.max_grad_norm
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=arguments.learning_rate,
            betas=(arguments.adam_beta1, arguments.adam_beta2),
            eps=arguments.adam_epsilon,
            weight_decay=0.0,
            fused=True,
        )
        self.scheduler = get_scheduler("linear", self.optimizer, num_warmup_steps=0, num_training_steps=len(batches))
        model.train()

    def step(self, index: int) -> None:
        loss = self.model(**self.batches[index]).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()


class _Alternates(TrainerCallback):
    """Makes a step of the bare loop after each step of the trainer, so that a change of the load meets both."""

    def __init__(self, loop: BareLoop) -> None:
        self.loop = loop
        self.trainer_seconds: list[float] = []
        self.bare_seconds: list[float] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.resumed = time.perf_counter()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        start = time.perf_counter()
        self.loop.step(state.global_step - 1)
        end = time.perf_counter()
        self.trainer_seconds.append(start - self.resumed)
        self.bare_seconds.append(end - start)
        self.resumed = end


def measure_overhead(trainer: RecurrentTrainer, warm_up: int = 5) -> tuple[TrainerOverhead, nn.Module]:
    """Train an epoch by `trainer`, and a copy of its model by a bare loop, a step of each in turn.

    The trainer's time is all that passes between the steps of the bare loop: loading and padding, hooks, logging,
    callbacks; evaluating and saving too, if its arguments ask for them.

    Args:
        trainer: A trainer with AdamW and a linear schedule, as by default, for one epoch.
        warm_up: First steps that are not counted.

    Returns:
        The medians, and the bare loop's model: without dropout it ends with the weights of the trainer's.

    Raises:
        ValueError: the trainer is set to another number of epochs.
    """
    if trainer.args.num_train_epochs != 1:
        raise ValueError(f"`trainer` has `num_train_epochs`={trainer.args.num_train_epochs}; it must be 1.")
    batches = list(trainer.get_train_dataloader())
    loop = BareLoop(copy.deepcopy(trainer.accelerator.unwrap_model(trainer.model)), trainer.args, batches)
    times = _Alternates(loop)
    trainer.add_callback(times)
    trainer.train()
    trainer.remove_callback(times)
    pairs = list(zip(times.bare_seconds, times.trainer_seconds, strict=True))[warm_up:]
    bare, trained = zip(*pairs, strict=True)
    added = [theirs - own for own, theirs in pairs]
    medians = (1000 * statistics.median(seconds) for seconds in (bare, trained, added))
    return TrainerOverhead(*medians), loop.model
