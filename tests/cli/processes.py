"""Commands in processes of their own, forked from one that has imported what they need, to send signals to."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import transformers

from hf_rnn.cli.commands import run_named
from hf_rnn.tasks import run as run_module
from hf_rnn.training.safe_trainer import SafeTrainer
from hf_rnn_command import COMMANDS


def command(words: list[str], folder: str, said: Connection, stop: tuple[int, int] | None) -> None:
    """`hf-rnn` in `folder`; what it prints is appended to `said.txt` there. In the step after `stop[1]` others, `said`
    is told, and the signal `stop[0]` waited for.
    """
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
        if stop is not None and self.state.global_step == stop[1]:
            handler = signal.getsignal(stop[0])
            said.send("now")
            # The handler takes itself away when the signal comes.
            while signal.getsignal(stop[0]) == handler:
                time.sleep(0.001)
        return original(self, *args, **kwargs)

    SafeTrainer.training_step = announced  # type: ignore[method-assign]
    run_named(words, COMMANDS)


def run_command(
    processes: ForkServerContext, words: list[str], folder: Path, stop: tuple[int, int] | None = None
) -> int:
    """The exit status of `hf-rnn` with `words` in `folder`.

    Args:
        stop: A signal, and after how many steps it is sent.
    """
    reader, writer = processes.Pipe(duplex=False)
    process = processes.Process(target=command, args=(words, str(folder), writer, stop))
    process.start()
    writer.close()
    with contextlib.suppress(EOFError):
        # It has ended without a word, unless it is to be stopped.
        reader.recv()
        assert stop is not None and process.pid is not None
        os.kill(process.pid, stop[0])
    process.join()
    assert process.exitcode is not None
    return int(process.exitcode)
