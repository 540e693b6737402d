"""The parent's side of a worker: starts the process, asks it, and says what went wrong with it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


PACKAGE = Path(__file__).resolve().parents[2]
# A peer that says nothing for so long is taken to hang.
PATIENCE_SECONDS = 600
# TF_NUM_INTEROP_THREADS is not among them: with a single one, TensorFlow 2.21 was seen to sleep for 10, 20 or 40 s in
# an epoch after a wait. So Keras may run operations side by side where the others are held to `threads`.
THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


class WorkerError(RuntimeError):
    """A worker failed; the message says how."""


class WorkerTimeoutError(WorkerError):
    """A worker said nothing for `PATIENCE_SECONDS`."""


class Worker:
    """A process that answers commands.

    Args:
        command: What Python runs in it.
        log: Where its standard error goes.
        threads: See `environment`.
        name: Stands before what it fails with.
    """

    def __init__(self, command: Sequence[str], log: Path, threads: int | None, name: str = "") -> None:
        self._name = f"{name}: " if name else ""
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._started = time.perf_counter()
        with log.open("a", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                # Unbuffered: `select` sees only what has not been read ahead.
                bufsize=0,
                env=environment(threads),
            )

    def wait_until_ready(self) -> dict[str, Any]:
        """Wait for what the worker says first, and add `start_seconds`: from the start of its process until then."""
        ready = self.receive()
        return {**ready, "start_seconds": time.perf_counter() - self._started}

    def ask(self, **command: Any) -> dict[str, Any]:
        """Give a command and wait for the answer."""
        # A process that has ended already says why, or its log does.
        with contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        return self.receive()

    def receive(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            WorkerError: the worker failed or ended; a `WorkerTimeoutError` if it said nothing for
                `PATIENCE_SECONDS`.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE_SECONDS)[0]:
            raise WorkerTimeoutError(f"{self._name}no answer for {PATIENCE_SECONDS} seconds")
        line = self._process.stdout.readline()
        if not line:
            last_words = self._last_words()
            raise WorkerError(f"{self._name}ended with code {self._process.wait()}; its last words: {last_words}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(self._name + answer["error"])
        return answer

    def _last_words(self) -> str:
        return " / ".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]) or "none"

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()


def environment(threads: int | None) -> dict[str, str]:
    """The environment of a worker: no network, no GPU, `threads` threads; None: what each library takes by itself."""
    variables = {
        name: value for name, value in os.environ.items() if name not in (*THREAD_VARIABLES, "TF_NUM_INTEROP_THREADS")
    }
    if threads is not None:
        variables |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return variables | {
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TOKENIZERS_PARALLELISM": "false",
    }
