"""The questions that a worker asks a peer, and the job it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..texts import Sample, Text


@dataclass(frozen=True)
class Job:
    """The job of a worker.

    Attributes:
        key: Name of the peer.
        implementation: `module:class` of the peer.
        options: Arguments of the class, beside the job.
        mode: `train`, `prepare` (make the model and save it), `answer` (load it and answer) or `multiply`.
        folder: Where the texts and the saved models are.
        batch_size: Texts of a batch, in training and where many are answered.
        threads: How many the peer is to use, which its environment says as well; None: as it chooses by itself.
        every: Answer one text in this many: a slow peer needs fewer for a steady figure.
    """

    key: str
    implementation: str
    options: dict[str, Any]
    mode: str
    folder: str
    batch_size: int
    threads: int | None
    every: int = 1


class Peer:
    """A model, used as its users do. What takes long to import is imported inside methods."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @cached_property
    def sample(self) -> Sample:
        """The texts."""
        return Sample.read(Path(self.job.folder))

    @property
    def folder(self) -> Path:
        """The folder that this peer saves its model into."""
        return Path(self.job.folder) / "models" / self.job.key


class Epochs(ABC):
    """Says when to train an epoch, and times it from one call of `next` to the following, unless told otherwise."""

    @abstractmethod
    def next(self) -> bool:
        """Wait until an epoch is wanted; to be called before each. False when no more are wanted."""

    @abstractmethod
    def start(self) -> None:
        """Start the clock anew, where an epoch begins later than `next` returned."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it, where the epoch ended before `next` is called again."""


class TrainedPeer(Peer, ABC):
    """One whose training is measured."""

    @abstractmethod
    def train(self, epochs: Epochs) -> None:
        """Set up, then train an epoch whenever `epochs.next()` returns, until it returns False."""


class AskedPeer(Peer, ABC):
    """One whose answers are measured."""

    # Whether its users answer texts of similar length together, or in the order in which they come.
    buckets = False

    @abstractmethod
    def prepare(self) -> list[Path]:
        """Make the model, save it in `folder`, and name the files that loading it takes (no tokenizer)."""

    @abstractmethod
    def load(self) -> None:
        """Load what `prepare` saved."""

    def close(self) -> None:  # noqa: B027 (most peers change nothing of the process)
        """Set back what `load` changed in the process."""

    @abstractmethod
    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        """Make what `answer` takes, for texts of at most `max_tokens`; not timed."""

    @abstractmethod
    def answer(self, inputs: Any) -> np.ndarray:
        """The model's call, which is timed: a logit for each text, (texts,)."""

    def batches(self) -> list[list[Text]]:
        """The sample in the batches in which it is answered."""
        texts = self.sample.texts
        if self.buckets or self.job.every > 1:
            # Texts are sorted by length also where some are left out: every length keeps its share.
            texts = sorted(texts, key=lambda text: -len(text.ids))[:: self.job.every]
        size = self.job.batch_size
        return [texts[start : start + size] for start in range(0, len(texts), size)]
