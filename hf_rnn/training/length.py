"""How long a training is that was given no number of epochs, how often it is evaluated, and when it stops early."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from transformers.trainer_utils import IntervalStrategy, SaveStrategy


__all__ = [
    "FEWEST_EPOCHS",
    "MOST_EPOCHS",
    "OPEN_LENGTH",
    "TrainingLength",
    "choose_length",
    "forget_length",
    "training_length",
]


logger = logging.getLogger(__name__)

# The number of epochs that stands for one that is still to be chosen, as `max_steps` -1 stands for none.
OPEN_LENGTH = -1
# The least number of updates of a short training, within the bounds of the epochs. Ten epochs of 200 questions (TREC)
# are 60 updates, and answered 45 % of others; 600 answered 57 %, and 1,200 no more.
UPDATES = 600
FEWEST_EPOCHS, MOST_EPOCHS = 10, 300
# About the number of evaluations of a training of many short epochs.
EVALUATIONS = 15
# A training stops after this share of its evaluations without a better one, and not before this many.
IMPATIENT_SHARE, LEAST_PATIENCE = 1 / 3, 3


@dataclass(frozen=True)
class TrainingLength:
    """The length of a training.

    Attributes:
        epochs: The number of epochs, a multiple of `evaluate_every`.
        steps: The updates of an epoch.
        evaluate_every: The epochs between two evaluations.
    """

    epochs: int
    steps: int
    evaluate_every: int

    @property
    def evaluations(self) -> int:
        """The evaluations of the whole training."""
        return self.epochs // self.evaluate_every


def training_length(steps: int, fewest_epochs: int = FEWEST_EPOCHS, most_epochs: int = MOST_EPOCHS) -> TrainingLength:
    """Choose the length of a training whose epochs have so many updates: 600 of them or more, in 10 to 300 epochs.

    Ten epochs of few rows are too few updates to learn anything; many rows learn in ten epochs what there is, and are
    stopped before.

    Args:
        steps: The updates of an epoch, at least 1.
        fewest_epochs: The least number of epochs, at most 300.
        most_epochs: The largest number, even where that is less than 600 updates.

    Example:
        >>> training_length(8)
        TrainingLength(epochs=75, steps=8, evaluate_every=5)
    """
    epochs = min(max(math.ceil(UPDATES / steps), fewest_epochs), most_epochs)
    evaluate_every = max(1, epochs // EVALUATIONS)
    return TrainingLength(math.ceil(epochs / evaluate_every) * evaluate_every, steps, evaluate_every)


def choose_length(arguments: Any, steps: int) -> bool:
    """Set the number of epochs, the evaluations and the patience in training `arguments` that leave them open, and say
    so.

    Nothing that was given is changed: with a number of epochs, or with `max_steps`, nothing at all. Evaluations that
    are not given come every few epochs where those are short, and so do checkpoints. A patience that is not given is a
    third of the evaluations.

    Args:
        arguments: Training arguments; those of transformers always have a number of epochs. A task may set their
            `fewest_epochs` and `most_epochs`.
        steps: The updates of an epoch.

    Returns:
        Whether a length was chosen.
    """
    if arguments.num_train_epochs >= 0 or arguments.max_steps > 0:
        return False
    bounds = {name: getattr(arguments, name) for name in ("fewest_epochs", "most_epochs") if hasattr(arguments, name)}
    length = training_length(steps, **bounds)
    chosen: dict[str, Any] = {"num_train_epochs": float(length.epochs), **_strategies(arguments, length)}
    evaluations = _evaluations({**vars(arguments), **chosen}, length)
    if evaluations and arguments.early_stopping_patience is None and arguments.load_best_model_at_end:
        chosen["early_stopping_patience"] = max(LEAST_PATIENCE, math.ceil(evaluations * IMPATIENT_SHARE))
    arguments.chosen_before = {name: (getattr(arguments, name), value) for name, value in chosen.items()}
    for name, value in chosen.items():
        setattr(arguments, name, value)
    if arguments.should_log:
        logger.warning("%s", _said(arguments, length, evaluations))
    return True


def forget_length(arguments: Any) -> None:
    """Leave open again what `choose_length` set, for another training with the same arguments. A value that has been
    given since stays.
    """
    for name, (before, chosen) in getattr(arguments, "chosen_before", {}).items():
        if getattr(arguments, name) == chosen:
            setattr(arguments, name, before)
    arguments.chosen_before = {}


def _strategies(arguments: Any, length: TrainingLength) -> dict[str, Any]:
    """Evaluations and checkpoints every few epochs, counted in steps, in place of those after each epoch; none of it
    where one of the two was given as such.
    """
    every_epoch = {name for name in ("eval", "save") if getattr(arguments, f"{name}_strategy") == "epoch"}
    if length.evaluate_every == 1 or not {f"{name}_strategy" for name in every_epoch} <= arguments.open_strategies:
        return {}
    kinds = {"eval": IntervalStrategy.STEPS, "save": SaveStrategy.STEPS}
    return {f"{name}_strategy": kinds[name] for name in every_epoch} | {
        f"{name}_steps": length.evaluate_every * length.steps for name in every_epoch
    }


def _evaluations(arguments: dict[str, Any], length: TrainingLength) -> int:
    """Count the evaluations of a training with `arguments`."""
    if arguments["eval_strategy"] == IntervalStrategy.EPOCH:
        return length.epochs
    if arguments["eval_strategy"] == IntervalStrategy.NO:
        return 0
    every = arguments["eval_steps"]
    # A fraction is a share of all steps.
    return math.ceil(1 / every) if every < 1 else length.epochs * length.steps // int(every)


def _said(arguments: Any, length: TrainingLength, evaluations: int) -> str:
    epochs, steps, updates = length.epochs, length.steps, length.epochs * length.steps
    counted = f"{steps:,} step" + ("s" if steps > 1 else "")
    parts = [f"Training for {epochs} epochs of {counted} ({updates:,} updates)"]
    if evaluations and arguments.early_stopping_patience is not None:
        parts.append(f"it stops after {arguments.early_stopping_patience} evaluations without a better one")
    return "; ".join([*parts, "`--num_train_epochs` sets another number."])
