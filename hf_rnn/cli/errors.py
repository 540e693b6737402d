"""Ends a command by its error: what the user can mend in one line, everything else with its traceback."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub.errors import StrictDataclassError

from ..extras import MissingExtraError
from ..training.resuming.interruption import TrainingInterrupted


__all__ = ["ended_by_errors", "errors_in_one_line", "is_the_users"]


# These are errors of files, of the Hub or of the network, and of values of a configuration, wherever they are raised.
ALWAYS_THE_USERS = (OSError, StrictDataclassError, MissingExtraError)
# These are the user's if the package has raised them itself; another library raises them for our mistakes, too.
THE_USERS_IF_OURS = (ValueError, RuntimeError, ArithmeticError)
WRONG_USE, CTRL_C = 2, 130


@contextlib.contextmanager
def errors_in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """Inside the block a `MissingExtraError`, or an error of `kinds`, ends the program with its message, as argparse
    ends it for a wrong flag: on standard error, with exit status 2, and without a traceback.
    """
    caught: tuple[type[Exception], ...] = (MissingExtraError, *kinds)
    try:
        yield
    except caught as error:
        _end(error)


@contextlib.contextmanager
def ended_by_errors(debug: bool) -> Iterator[None]:
    """Inside the block every error that the user can mend ends the program as `errors_in_one_line` says, and a
    training that was interrupted with the exit status of its signal: 130 or 143.

    Args:
        debug: Whether such an error shows its traceback instead.
    """
    try:
        yield
    except TrainingInterrupted:
        # It has said so, and ends the program.
        raise
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(CTRL_C)
    except Exception as error:
        if debug or not is_the_users(error):
            raise
        _end(error)


def is_the_users(error: Exception) -> bool:
    """Whether the user can mend what `error` says, so that a traceback would tell nothing more."""
    if isinstance(error, ALWAYS_THE_USERS) or type(error).__module__.split(".")[0] == "hf_rnn":
        return True
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_in = str(frames[-1].f_globals.get("__name__", "")) if frames else ""
    return isinstance(error, THE_USERS_IF_OURS) and raised_in.split(".")[0] == "hf_rnn"


def _end(error: Exception) -> None:
    """Print the message, on one line, and leave."""
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"{Path(sys.argv[0]).name}: error: {message}", file=sys.stderr)
    sys.exit(WRONG_USE)
