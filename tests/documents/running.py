"""Commands of the documents, run in this process where that is possible."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import hf_rnn_command
from tests.documents.blocks import Command


# What starts processes of its own; it lies beside the interpreter.
LAUNCHERS = ("torchrun", "accelerate")


def run(command: Command, suffix: list[str], patch: pytest.MonkeyPatch, places: list[str]) -> str:
    """Run a command with `suffix` behind it in the current folder; what it prints.

    Args:
        command: One of `hf-rnn`, `python` or a launcher.
        suffix: More words.
        patch: Gives the command its `sys.argv`.
        places: Folders that a process of its own imports from.

    Raises:
        AssertionError: it fails; the message has what it printed.
    """
    program, *words = command.words
    words += suffix
    if program in LAUNCHERS:
        return _launched([str(Path(sys.executable).with_name(program)), *words], places)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            _in_process(program, words, patch)
    except SystemExit as end:
        assert end.code in (None, 0), f"{command.line}\nends with {end.code}: {out.getvalue()}{err.getvalue()}"
    except Exception as error:
        raise AssertionError(f"{command.line}\nends with {type(error).__name__}: {error}") from error
    return out.getvalue()


def _in_process(program: str, words: list[str], patch: pytest.MonkeyPatch) -> None:
    if program == "hf-rnn":
        patch.setattr(sys, "argv", [program, *words])
        hf_rnn_command.main(words)
    elif program == "python" and words[0] == "-c":
        exec(words[1], {"__name__": "__main__"})
    elif program == "python" and words[0] == "-m":
        patch.setattr(sys, "argv", words[1:])
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif program == "python":
        patch.setattr(sys, "argv", words)
        # As python does: what lies beside a script can be imported.
        patch.setattr(sys, "path", [str(Path(words[0]).resolve().parent), *sys.path])
        runpy.run_path(words[0], run_name="__main__")
    else:
        raise ValueError(f"no way is known to run {program!r}; if it cannot be run, give the reason in `NOT_RUN`")


def _launched(words: list[str], places: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{words} ends with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout
