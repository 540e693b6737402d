"""A row of the table of losses, `objective.LOSSES`; each file of losses has the rows of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn


__all__ = ["NamedLoss"]


@dataclass(frozen=True)
class NamedLoss:
    """A loss that can be asked for by name.

    Attributes:
        build: Its class.
        takes: `"pairs"`: the vectors of all pairs and their labels or scores; `"duplicates"`: the two sides of the
            pairs that are alike; `"groups"`: these in one batch, with the number of their pair; `"triplets"`: those
            of anchors, positives and negatives; `"logits"`: what a classifier says of all pairs.
        similarity: What it makes the vectors comparable by.
        of_scores: Whether it can learn from graded scores.

    The equation and the paper are those of the class, such as that of Su 2022 (https://kexue.fm/archives/8847).

    Example:
        >>> from hf_rnn.losses import LOSSES
        >>> LOSSES["cosent"].build(scale=10.0)
        CoSENTLoss()
        >>> LOSSES["cosent"].takes, LOSSES["cosent"].of_scores
        ('pairs', True)
    """

    build: Callable[..., nn.Module]
    takes: Literal["pairs", "duplicates", "groups", "triplets", "logits"]
    similarity: str
    of_scores: bool = False
