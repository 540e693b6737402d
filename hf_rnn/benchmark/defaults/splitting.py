"""Draws what is measured on and what is learned from, the same for everybody: rows by a seed, a text in its order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .corpora import Corpus


__all__ = ["SEED", "Part", "Parts", "cut_rows", "cut_text", "drawn_part"]


SEED = 0
# A fifth of the rows, or a tenth of a long text, is measured on.
ROW_SHARE, TEXT_SHARE, MOST_TEXT = 5, 10, 100_000


@dataclass(frozen=True)
class Part:
    """Rows of a corpus.

    Attributes:
        inputs: A text, a pair of texts or the tokens of a sentence for each row; the one text of a book.
        labels: A class, a number or the tags of each row; of a book none.
    """

    inputs: Sequence[Any]
    labels: Sequence[Any]

    @property
    def size(self) -> int:
        """Its rows, or the characters of a text."""
        return len(self.labels) if self.labels else len(self.inputs[0])

    def first(self, size: int) -> Part:
        """Its first rows, or the first characters of a text up to an end of line."""
        if self.labels:
            return Part(self.inputs[:size], self.labels[:size])
        text = self.inputs[0]
        return self if size >= len(text) else Part([text[: text.rfind("\n", 0, size) + 1 or size]], [])


@dataclass(frozen=True)
class Parts:
    """The part that is learned from, its rows in an order such that every beginning is a random subset, and the one
    that is measured on.
    """

    train: Part
    held_out: Part


def cut_rows(rows: Part, corpus: Corpus) -> Parts:
    """Draw the rows that are measured on; all others, in a random order, are learned from.

    No row that is learned from has the texts of one that is measured on. Of classes, every one stands among the first
    rows, so that a small subset lacks none of them; a class that is measured on is one that is learned.
    """
    order = list(range(len(rows.inputs)))
    random.Random(SEED).shuffle(order)
    count = min(corpus.held_out, len(order) // ROW_SHARE)
    held_out, others = order[:count], order[count:]
    measured = {_key(rows.inputs[row]) for row in held_out}
    train = [row for row in others if _key(rows.inputs[row]) not in measured]
    if corpus.kind in ("classes", "pair_labels"):
        train = _every_class_first(train, rows.labels)
        learned = {rows.labels[row] for row in train}
        held_out = [row for row in held_out if rows.labels[row] in learned]
    return Parts(_taken(rows, train[: corpus.most]), _taken(rows, held_out))


def cut_text(text: str, corpus: Corpus) -> Parts:
    """Hold out the end of a text, a tenth of it but at most 100,000 characters, from a line's beginning on."""
    end = len(text) - min(MOST_TEXT, len(text) // TEXT_SHARE)
    end = text.rfind("\n", 0, end) + 1 or end
    # What stands right before the part that is measured on is learned from, whole lines of it.
    start = 0 if corpus.most is None or corpus.most >= end else text.find("\n", end - corpus.most, end) + 1
    return Parts(Part([text[start:end]], []), Part([text[end:]], []))


def drawn_part(train: Part, corpus: Corpus, size: int | None, number: int = 0) -> Part:
    """A subset of what is learned from.

    Args:
        train: As `Parts` has it.
        size: Its rows or characters; None: all.
        number: Which of the subsets; the first is the beginning of `train`, each further one the rows that follow it,
            and, of classes, one row of each in front.
    """
    if size is None or number == 0:
        return train if size is None else train.first(size)
    start = number * size % train.size
    order = [*range(start, train.size), *range(start)]
    if corpus.kind in ("classes", "pair_labels"):
        order = _every_class_first(order, train.labels)
    return _taken(train, order[:size])


def _taken(rows: Part, order: Iterable[int]) -> Part:
    chosen = list(order)
    return Part([rows.inputs[row] for row in chosen], [rows.labels[row] for row in chosen])


def _every_class_first(order: Sequence[int], labels: Sequence[Any]) -> list[int]:
    """`order` with the first row of each class in front."""
    first: dict[Any, int] = {}
    for row in order:
        first.setdefault(labels[row], row)
    front = set(first.values())
    return [*first.values(), *(row for row in order if row not in front)]


def _key(texts: Any) -> tuple[str, ...]:
    """What is the same of texts that differ in case and white space alone."""
    each = (texts,) if isinstance(texts, str) else texts
    return tuple(" ".join(text.lower().split()) for text in each)
