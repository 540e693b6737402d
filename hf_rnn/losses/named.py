"""A row of the table of losses, `objective.LOSSES`; each file of losses has the rows of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn


@dataclass(frozen=True)
class NamedLoss:
    """
    A loss that can be asked for by name.

    Attributes:
        build: Its class.
        takes: `"pairs"`: the vectors of all pairs and their labels or scores; `"duplicates"`: the two sides of the
            pairs that are alike; `"groups"`: these in one batch, with the number of their pair; `"logits"`: what a
            classifier says of all pairs.
        similarity: What it makes the vectors comparable by.
        of_scores: Whether it can learn from graded scores.
    """

    build: Callable[..., nn.Module]
    takes: Literal["pairs", "duplicates", "groups", "logits"]
    similarity: str
    of_scores: bool = False


__all__ = ["NamedLoss"]
