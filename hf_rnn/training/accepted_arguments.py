"""Training arguments as people give them, completed to those that our Trainers read."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, TypeVar

from transformers import TrainingArguments
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from .arguments import RecurrentTrainingArguments


__all__ = ["accepted_arguments", "replaced", "without_evaluation"]


Arguments = TypeVar("Arguments", bound=RecurrentTrainingArguments)


def accepted_arguments(given: TrainingArguments | None, kind: type[Arguments]) -> Arguments:
    """Complete what was given to arguments of a `kind`: None to its defaults, transformers' own `TrainingArguments` by
    the defaults of what they lack.

    Arguments of another class are copied, and keep their class and values. Where they ask for another order of the
    training rows (`train_sampling_strategy`), that is kept in place of `bucket_by_length`.
    """
    if given is None:
        return kind()
    if isinstance(given, kind):
        return given
    completed: Any = copy.copy(given)
    lacking = [field for field in dataclasses.fields(kind) if not hasattr(given, field.name)]
    for field in lacking:
        setattr(completed, field.name, field.default)
    if "bucket_by_length" in {field.name for field in lacking}:
        completed.bucket_by_length = given.train_sampling_strategy == "random"
    if completed.data_seed is None:
        completed.data_seed = completed.seed
    return completed


def without_evaluation(arguments: Arguments) -> Arguments:
    """Copy `arguments` for a training with nothing to evaluate on: no evaluation, and no best checkpoint. An
    `eval_strategy` that was given stays, and transformers refuses it.

    Raises:
        ValueError: `early_stopping_patience` or `save_strategy` best is given, which evaluations decide.
    """
    if arguments.early_stopping_patience is not None:
        raise ValueError(
            f"`early_stopping_patience`={arguments.early_stopping_patience} counts evaluations, and `eval_dataset` is "
            "None; give one, or no patience."
        )
    if arguments.save_strategy == SaveStrategy.BEST:
        raise ValueError(
            "`save_strategy`='best' keeps what is best in an evaluation, and `eval_dataset` is None; give one, or "
            "`save_strategy` epoch, steps or no."
        )
    open_strategies = getattr(arguments, "open_strategies", ())
    if "eval_strategy" not in open_strategies or arguments.eval_strategy != IntervalStrategy.EPOCH:
        return arguments
    alone = copy.copy(arguments)
    alone.eval_strategy = IntervalStrategy.NO
    alone.do_eval = alone.load_best_model_at_end = False
    return alone


def replaced(arguments: Arguments, **values: Any) -> Arguments:
    """A copy of `arguments` with other values; nothing of what follows from them is computed anew."""
    changed = copy.copy(arguments)
    for name, value in values.items():
        setattr(changed, name, value)
    return changed
