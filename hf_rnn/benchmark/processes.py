"""The parent's side of the workers: starts them, asks them in turn, and keeps what went wrong with one."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .peer import Job
from .peers import PeerSpec


PACKAGE = Path(__file__).resolve().parent.parent
# A peer that says nothing for so long is taken to hang.
PATIENCE_SECONDS = 600
# `import hf_rnn` brings transformers and torch with it. A peer that is not ours must neither wait for them nor hold
# their memory: it gets a package of that name that has the files and runs none of `hf_rnn/__init__.py`.
BARE_START = """
import sys, types
package = types.ModuleType("hf_rnn")
package.__path__ = [sys.argv[1]]
sys.modules["hf_rnn"] = package
from hf_rnn.benchmark.worker import main
main()
"""


# Not TF_NUM_INTEROP_THREADS: with a single one, TensorFlow 2.21 was seen to sleep for 10, 20 or 40 s in an epoch after
# a wait. So Keras may run operations side by side where the others are held to `threads`.
THREAD_VARIABLES = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


class WorkerError(RuntimeError):
    """A worker failed; the message says how."""


class Worker:
    """
    A process that answers commands.

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
        """What the worker says first, and `start_seconds`: from the start of its process until then."""
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
        """
        The next answer.

        Raises:
            WorkerError: the worker failed, ended, or said nothing for `PATIENCE_SECONDS`.
        """
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE_SECONDS)[0]:
            raise WorkerError(f"{self._name}no answer for {PATIENCE_SECONDS} seconds")
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


def start_job(job: Job, ours: bool) -> Worker:
    """The process that does `job`; `ours`: whether it starts with the whole of hf_rnn."""
    start = ["-m", "hf_rnn.benchmark.worker"] if ours else ["-c", BARE_START, str(PACKAGE)]
    log = Path(job.folder) / "logs" / f"{job.key}.{job.mode}.txt"
    return Worker([*start, json.dumps(asdict(job))], log, job.threads)


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


class Lineup:
    """
    The workers of several peers, all doing one kind of job; a context manager that leaves none running.

    One that fails is left out from then on.

    Args:
        peers: Whose workers.
        mode: See `Job`.
        folder: Of texts and saved models.
        batch_size: Texts of a batch.
        threads: Of each worker; None: what each library takes by itself.
        together: Start all at once, where the time that takes is not measured.

    Attributes:
        ready: Peer → what its worker said first, and `start_seconds`.
        failures: Peer → what went wrong.
    """

    def __init__(
        self,
        peers: Iterable[PeerSpec],
        mode: str,
        folder: Path,
        batch_size: int,
        threads: int | None,
        together: bool = True,
    ) -> None:
        self.ready: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        self._workers: dict[str, Worker] = {}
        self._together = together
        self._jobs = [
            (Job(peer.key, peer.path, peer.options, mode, str(folder), batch_size, threads, peer.every), peer.ours)
            for peer in peers
        ]

    def __enter__(self) -> Lineup:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        groups = [self._jobs] if self._together else [[job] for job in self._jobs]
        for group in groups:
            for job, ours in group:
                self._workers[job.key] = start_job(job, ours)
            self.ready |= self._each([job.key for job, _ in group], Worker.wait_until_ready)

    def ask(self, only: Iterable[str] | None = None, **command: Any) -> dict[str, dict[str, Any]]:
        """Each living worker's answer to `command`, one after the other; of the peers `only`, or of all."""
        keys = [key for key in self._workers if only is None or key in only]
        return self._each(keys, lambda worker: worker.ask(**command))

    def end(self) -> dict[str, dict[str, Any]]:
        """The living workers' last answers."""
        return self.ask(do="end")

    def fail(self, key: str, reason: str) -> None:
        """Leave a peer out from now on."""
        self.failures[key] = reason
        self._workers.pop(key).stop()

    def stop(self) -> None:
        """End whatever still runs."""
        for worker in self._workers.values():
            worker.stop()

    def _each(self, keys: list[str], call: Callable[[Worker], dict[str, Any]]) -> dict[str, dict[str, Any]]:
        answers = {}
        for key in keys:
            try:
                answers[key] = call(self._workers[key])
            except WorkerError as error:
                self.fail(key, str(error))
        return answers
