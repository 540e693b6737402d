"""Commands in processes of their own, forked from one that has imported what they need, to send signals to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import transformers

from hf_rnn.cli.commands import run_named
from hf_rnn.tasks import run as run_module
from hf_rnn.training.safe_trainer import SafeTrainer
from hf_rnn_command import COMMANDS


def command(words: list[str], folder: str, said: Connection) -> None:
    """`hf-rnn` in `folder`; what it prints is appended to `said.txt` there, and `said` is told of every step."""
    os.chdir(folder)
    output = os.open("said.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    # A forked process may have inherited another handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run_module.plot_learning_curves = lambda *args: None  # type: ignore[assignment]
    transformers.utils.logging.disable_progress_bar()
    original = SafeTrainer.training_step

    def announced(self: Any, *args: Any, **kwargs: Any) -> Any:
        said.send(self.state.global_step)
        return original(self, *args, **kwargs)

    SafeTrainer.training_step = announced  # type: ignore[method-assign]
    run_named(words, COMMANDS)


def run_command(
    processes: ForkServerContext, words: list[str], folder: Path, stop: tuple[int, int] | None = None
) -> int:
    """
    The exit status of `hf-rnn` with `words` in `folder`.

    Args:
        stop: A signal, and after how many steps it is sent.
    """
    reader, writer = processes.Pipe(duplex=False)
    process = processes.Process(target=command, args=(words, str(folder), writer))
    process.start()
    writer.close()
    _follow(reader, lambda step: _kill(process.pid, step, stop))
    process.join()
    assert process.exitcode is not None
    return int(process.exitcode)


def _follow(reader: Connection, heard: Callable[[int], None]) -> None:
    while True:
        try:
            heard(reader.recv())
        except EOFError:
            return


def _kill(process: int | None, step: int, stop: tuple[int, int] | None) -> None:
    if stop is not None and step == stop[1]:
        assert process is not None
        os.kill(process, stop[0])
