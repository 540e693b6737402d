"""Peers that need nothing but numpy, for tests of what is around them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_rnn.benchmark.speed.peers.base import AskedPeer, Epochs, Job, TrainedPeer
from hf_rnn.benchmark.speed.peers.table import PeerSpec
from hf_rnn.benchmark.speed.texts import Text


class FakePeer(TrainedPeer, AskedPeer):
    """Args:
    milliseconds: What an epoch takes.
    around: Milliseconds before and after it that are none of its own.
    logit: Its answer to anything.
    fails: What ends in an error: `train`, `prepare` or `answer`; `die` ends the process without a word of why.
    """

    def __init__(
        self, job: Job, milliseconds: float = 0, around: float = 0, logit: float = 0, fails: str | None = None
    ) -> None:
        super().__init__(job)
        self.milliseconds, self.around, self.logit, self.fails = milliseconds, around, logit, fails

    def _maybe_fail(self, where: str) -> None:
        if self.fails == where:
            raise ArithmeticError(f"{where} went wrong")

    def train(self, epochs: Epochs) -> None:
        print("a library that prints")
        done = 0
        while epochs.next():
            done += 1
            if self.around:
                time.sleep(self.around / 1000)
                epochs.start()
            time.sleep(self.milliseconds / 1000)
            if self.around:
                epochs.stop()
                time.sleep(self.around / 1000)
            if done == 2:
                self._maybe_fail("train")
                if self.fails == "die":
                    print("last words", file=sys.stderr, flush=True)
                    os._exit(7)

    def prepare(self) -> list[Path]:
        self._maybe_fail("prepare")
        self.folder.mkdir(parents=True)
        path = self.folder / "model"
        path.write_bytes(bytes(1000))
        return [path]

    def load(self) -> None:
        assert (self.folder / "model").is_file()

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        assert all(0 < len(text.ids) <= max_tokens for text in texts)
        return len(texts)

    def answer(self, inputs: Any) -> np.ndarray:
        self._maybe_fail("answer")
        return np.full(inputs, self.logit)


class ImportingPeer(FakePeer):
    """Fails with the names of the heavy modules that were imported before it."""

    def prepare(self) -> list[Path]:
        raise RuntimeError(f"imported: {sorted({'torch', 'transformers', 'tensorflow'} & sys.modules.keys())}")


def fake(key: str, name: str = "FakePeer", needs: tuple[str, ...] = (), **options: Any) -> PeerSpec:
    """A row of the table for a fake peer; fields of the row may be among the options."""
    fields = {field: options.pop(field) for field in ("tolerance", "curves", "ours", "max_tokens") if field in options}
    implementation = f"tests.benchmark.speed.fake_peers:{name}"
    return PeerSpec(key, f"Fake {key}", implementation, options, needs, asked=True, **fields)
