"""What every peer is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


__all__ = ["Answered", "Problem"]


@dataclass(frozen=True)
class Problem:
    """The rows of a corpus.

    Attributes:
        kind: A key of `KINDS` whose data are rows.
        language: ISO 639-1 code.
        inputs: The texts, pairs of texts or sentences that are learned from.
        labels: Their classes, numbers or tags; of labelled pairs `"0"` and `"1"`.
        asked: The inputs that are to be answered.
    """

    kind: str
    language: str
    inputs: Sequence[Any]
    labels: Sequence[Any]
    asked: Sequence[Any]


@dataclass(frozen=True)
class Answered:
    """The answers of a peer.

    Attributes:
        answers: A class, a number or tags for each input that was asked; of labelled pairs a number, the higher the
            more alike.
        size_bytes: What is stored of it; None: it was not measured.
        options: What was chosen for it, and how.
    """

    answers: list[Any]
    size_bytes: int | None
    options: dict[str, Any] = field(default_factory=dict)
