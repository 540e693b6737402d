"""What the peers of pairs have in common: targets, and a sentence that is written greedily."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..peers.base import AskedPeer, Job
from ..texts import Text
from .pairs import padded, read_targets


# A sentence of 12 words, and the token that ends it: so many tokens are read, and so many written.
SENTENCE = 13


class WritingPeer(AskedPeer):
    """One that writes a target for a source, the likeliest token each time.

    Args:
        cell: `lstm` or `gru`.
        fed: Each step reads the attended state of the one before it.
    """

    def __init__(self, job: Job, cell: str = "lstm", fed: bool = False) -> None:
        super().__init__(job)
        self.cell, self.fed = cell, fed

    @cached_property
    def targets(self) -> list[np.ndarray]:
        """The ids (tokens,) of each target."""
        return read_targets(Path(self.job.folder))

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        return padded([text.ids for text in texts])

    def answer(self, inputs: Any) -> np.ndarray:
        """The mean of the ids that are written for each source (texts,): peers that write alike have the same."""
        means: np.ndarray = np.asarray(self.write(inputs), dtype=np.float64).mean(axis=1)
        return means

    @abstractmethod
    def write(self, sources: np.ndarray) -> Any:
        """The `SENTENCE` tokens (texts, tokens) that are written for the ids (texts, tokens) of sources."""
