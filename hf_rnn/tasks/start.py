"""Checks what can be checked before a run reads or writes anything."""

from __future__ import annotations

from ..extras import require_extra
from ..training.arguments import RecurrentTrainingArguments


__all__ = ["NothingToDoError", "check_start"]


class NothingToDoError(ValueError):
    """Arguments by which a run would neither train nor measure; the message names those that are lacking."""


def check_start(arguments: RecurrentTrainingArguments) -> None:
    """Raise unless a run with these training arguments has something to do and the packages for it.

    Raises:
        NothingToDoError: none of `do_train`, `do_eval` and `do_predict` was given.
        MissingExtraError: the extra `train` is not installed.
    """
    if not arguments.has_something_to_do:
        raise NothingToDoError(
            "None of `do_train`, `do_eval` and `do_predict` is given, so there is nothing to do. Give at least one: "
            "--do_train trains, --do_eval measures on train and validation, --do_predict measures on test."
        )
    require_extra("train", "A training script")
