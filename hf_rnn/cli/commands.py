"""Running a command by its name: for `hf-rnn`, and for the scripts of a checkout."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from itertools import zip_longest

from ..version import __version__
from .errors import ended_by_errors


__all__ = ["run_command", "run_named", "run_script", "without_debug"]


PROGRAM = "hf-rnn"
DEBUG = "--debug"


def run_named(words: Sequence[str], commands: Sequence[str]) -> None:
    """Run the command that `words` begin with.

    Args:
        words: As they were given after `hf-rnn`.
        commands: The names that there are.
    """
    words, debug = without_debug(words)
    if words[:1] == ["--version"]:
        print(__version__)
        return
    name = words[0] if words else ""
    if name not in commands:
        print(
            f"{PROGRAM}: error: {name!r} must be one of {', '.join(commands)}; see {PROGRAM} --help", file=sys.stderr
        )
        sys.exit(2)
    run_command(name, words[1:], program=f"{PROGRAM} {name}", debug=debug)


def run_script(name: str) -> None:
    """Run the command `name` as the script that is running, with the words of the process."""
    words, debug = without_debug(sys.argv[1:])
    run_command(name, words, program=sys.argv[0], debug=debug)


def run_command(name: str, words: Sequence[str], *, program: str, debug: bool = False) -> None:
    """Run `main` of the module `name` in this room.

    An error that the user can mend ends the process with one line on standard error and exit status 2; a training
    that Ctrl-C or SIGTERM has stopped with 130 or 143; everything else with its traceback.

    Args:
        words: The arguments after the command's name.
        program: What its help and its errors call it.
        debug: Whether every error shows its traceback.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    # argparse, and whoever names the program, looks there.
    sys.argv = [program, *words]
    with ended_by_errors(debug):
        importlib.import_module(f"{__package__}.{name}").main(list(words))


def without_debug(words: Sequence[str]) -> tuple[list[str], bool]:
    """The words without `--debug`, and whether it was among them.

    `--debug VALUE` stays where it is: it is a flag of transformers' training arguments.
    """
    kept: list[str] = []
    debug = False
    for word, following in zip_longest(words, words[1:], fillvalue="-"):
        alone = word == DEBUG and (following.startswith("-") or not kept)
        debug = debug or alone
        kept += [] if alone else [word]
    return kept, debug
