"""Holds what a baseline says of the rows of each split, and chooses the rows that it learns from in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


__all__ = ["Predicted", "evenly"]


@dataclass(frozen=True)
class Predicted:
    """The answers of a fitted baseline.

    Attributes:
        name: What the method is called, such as `TF-IDF + logistic regression`.
        answers: Split → what it says of each row, in their order; the functions that return it say in which form.
        options: What was chosen on validation, and how many rows it learned from where that were not all.
    """

    name: str
    answers: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


def evenly(rows: int, most: float) -> np.ndarray:
    """Choose the numbers of at most `most` of `rows` rows, at equal distances: a file may be sorted by its labels.

    Example:
        >>> evenly(10, 4).tolist()
        [0, 2, 5, 7]
        >>> evenly(3, 4).tolist()
        [0, 1, 2]
    """
    kept = max(1, min(rows, int(most)))
    return np.arange(kept) * rows // kept
