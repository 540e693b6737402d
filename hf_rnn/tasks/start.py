"""What is looked at before a run reads or writes anything."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..extras import require_extra
from ..runs.lock import run_lock
from ..training.arguments import RecurrentTrainingArguments


Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class NothingToDoError(ValueError):
    """Arguments by which a run would neither train nor measure; the message names those that are lacking."""


def starts_run(run: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """
    Have `run`, one of whose arguments are `RecurrentTrainingArguments`, begin only if it has something to do and the
    packages for it, and hold the lock of their `output_dir`.

    Raises:
        NothingToDoError: none of `do_train`, `do_eval` and `do_predict` was given.
        MissingExtraError: the extra `train` is not installed.
        FolderInUseError: another process writes the folder.
    """

    @functools.wraps(run)
    def started(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        given = (*args, *kwargs.values())
        arguments = next(value for value in given if isinstance(value, RecurrentTrainingArguments))
        check_start(arguments)
        # One of the processes of a run writes, and it alone takes the lock.
        with run_lock(arguments.output_dir or ".") if arguments.should_save else contextlib.nullcontext():
            return run(*args, **kwargs)

    return started


def check_start(arguments: RecurrentTrainingArguments) -> None:
    """Raise what [`starts_run`] raises of arguments and packages."""
    if not arguments.has_something_to_do:
        raise NothingToDoError(
            "None of `do_train`, `do_eval` and `do_predict` is given, so there is nothing to do. Give at least one: "
            "--do_train trains, --do_eval measures on train and validation, --do_predict measures on test."
        )
    require_extra("train", "A training script")


__all__ = ["NothingToDoError", "check_start", "starts_run"]
