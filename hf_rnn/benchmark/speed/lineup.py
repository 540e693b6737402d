"""The workers of the peers: starts them, asks them in turn, and keeps what went wrong with one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..workers.parent import PACKAGE, Worker, WorkerError
from .peers.base import Job
from .peers.table import PeerSpec


WORKER = "hf_rnn.benchmark.speed.worker"
# `import hf_rnn` brings transformers and torch with it, for 2.0 seconds of the processor. A peer that is not ours must
# neither wait for them nor hold their memory, or its published start and memory would be ours as well: it gets a
# package of that name that has the files and runs none of `hf_rnn/__init__.py`.
BARE_START = f"""
import sys, types
package = types.ModuleType("hf_rnn")
package.__path__ = [sys.argv[1]]
sys.modules["hf_rnn"] = package
from {WORKER} import main
main()
"""


def start_job(job: Job, ours: bool) -> Worker:
    """The process that does `job`; `ours`: whether it starts with the whole of hf_rnn."""
    start = ["-m", WORKER] if ours else ["-c", BARE_START, str(PACKAGE)]
    log = Path(job.folder) / "logs" / f"{job.key}.{job.mode}.txt"
    return Worker([*start, json.dumps(asdict(job))], log, job.threads)


class Lineup:
    """The workers of several peers, all doing one kind of job; a context manager that leaves none running.

    One that fails is left out from then on.

    Args:
        peers: Whose workers.
        mode: See `Job`.
        folder: The folder of texts and saved models.
        batch_size: Texts of a batch.
        threads: The threads of each worker; None: what each library takes by itself.
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
