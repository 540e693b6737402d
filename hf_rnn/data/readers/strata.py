"""The kinds of rows of which the same share is to be held out, and the part that is held out of them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .label_warnings import of_marks


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["HeldOut", "take_groups", "take_texts", "row_strata"]

# Numbers are held out evenly from so many parts of their order.
NUMBER_STRATA = 10

Stratum = Hashable


def row_strata(rows: Dataset, size: int) -> tuple[list[tuple[Stratum, ...]], str]:
    """The strata of each row: its class; of several labels each of them; of a number, or the first of several, the
    tenth that it is in.

    Args:
        size: How many rows are to be held out; of fewer than ten, numbers have fewer strata.

    Returns:
        The strata, and what a message says of them: ``", the same share of each label"`` or nothing.
    """
    from datasets import ClassLabel

    if "label" not in rows.column_names:
        return [(0,)] * len(rows), ""
    labels: list[Any] = list(rows["label"][:])
    said = ", low and high numbers alike"
    if labels and isinstance(labels[0], list) and not of_marks(labels):
        labels, said = [label[0] for label in labels], ", low and high numbers of the first column alike"
    if labels and isinstance(labels[0], list):
        # Every row counts as a row, besides.
        several: list[tuple[Stratum, ...]] = [
            (-1, *(index for index, value in enumerate(label) if value)) for label in labels
        ]
        return several, ", the same share of each label"
    if isinstance(rows.features["label"], ClassLabel) or all(label in (0.0, 1.0) for label in labels):
        return [(label,) for label in labels], ", the same share of each label"
    ordered = sorted(labels)
    parts = min(NUMBER_STRATA, max(1, size))
    bounds = [ordered[len(ordered) * part // parts] for part in range(1, parts)]
    return [(bisect_right(bounds, label),) for label in labels], said


class HeldOut:
    """The rows that are held out so far, and what is still wanted.

    Args:
        strata: Those of each row.
        size: How many rows are wanted, of each stratum the same share. Of each of two strata at least one is, because
            a figure of pairs needs both; and one row of each always stays to be trained on.
    """

    def __init__(self, strata: Sequence[tuple[Stratum, ...]], size: int) -> None:
        self.strata = strata
        self.size = size
        self.rows: set[int] = set()
        self.stays = Counter(stratum for row in strata for stratum in row)
        self.wanted = _wanted(self.stays, size, len(strata))
        self.missing = dict(self.wanted)

    def take(self, rows: Iterable[int], fitting: bool = False) -> bool:
        """Hold `rows` out, all of them, if what is held out comes no further from what is wanted so, something that is
        missing is among them, and a row of each stratum stays.

        Args:
            fitting: Whether no stratum may have more than is wanted of it.
        """
        rows = [row for row in rows if row not in self.rows]
        own = Counter(stratum for row in rows for stratum in self.strata[row])
        nearer = sum(abs(self.missing[name]) - abs(self.missing[name] - count) for name, count in own.items())
        if nearer < 0 or not any(self.missing[name] > 0 for name in own):
            return False
        if any(self.stays[name] <= count or (fitting and self.missing[name] < count) for name, count in own.items()):
            return False
        for name, count in own.items():
            self.missing[name] -= count
            self.stays[name] -= count
        self.rows.update(rows)
        return True

    @property
    def is_full(self) -> bool:
        """Whether nothing more is wanted."""
        return all(count <= 0 for count in self.missing.values())

    def is_enough(self, needs_each: bool) -> bool:
        """Whether the part can be measured on: it is half of what is wanted.

        Args:
            needs_each: Whether of two strata there must be some of each.
        """
        lacking = sum(max(0, count) for count in self.missing.values())
        each = all(self.missing[name] < count for name, count in self.wanted.items() if count)
        enough = bool(self.rows) and 2 * lacking <= sum(self.wanted.values())
        return enough and (each or not needs_each or len(self.wanted) != 2)


def take_groups(groups: Sequence[int], strata: Sequence[tuple[Stratum, ...]], size: int, seed: int) -> HeldOut:
    """Hold out whole groups, in random order: those that fit into what is missing, then any that bring it nearer.

    Args:
        groups: The group of each row, whole numbers from 0.
    """
    held = HeldOut(strata, size)
    members: list[list[int]] = [[] for _ in range(max(groups, default=-1) + 1)]
    for row, group in enumerate(groups):
        members[group].append(row)
    random.Random(seed).shuffle(members)
    for fitting in (True, False):
        for rows in members:
            if held.is_full:
                return held
            held.take(rows, fitting)
    return held


def take_texts(
    texts: Sequence[tuple[bytes, ...]], strata: Sequence[tuple[Stratum, ...]], size: int, seed: int
) -> HeldOut:
    """Hold out all pairs of one text after the other: each held-out pair has a text that is in no pair of the training
    part. From a random text on those are taken that it is paired with, then those that these are, so that many pairs
    have both of their texts held out.
    """
    held = HeldOut(strata, size)
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for row, pair in enumerate(texts):
        for text in set(pair):
            rows_of[text].append(row)
    starts = list(rows_of)
    random.Random(seed).shuffle(starts)
    seen: set[bytes] = set()
    for start in starts:
        waiting = deque([start])
        while waiting and not held.is_full:
            text = waiting.popleft()
            if text in seen:
                continue
            seen.add(text)
            if held.take(rows_of[text]):
                waiting.extend(other for row in rows_of[text] for other in texts[row])
    return held


def _wanted(counts: Counter[Stratum], size: int, rows: int) -> dict[Stratum, int]:
    """The same share of each stratum, rounded so that they sum to `size` (the method of largest remainders)."""
    shares = {name: count * size / rows for name, count in counts.items()}
    wanted = {name: int(share) for name, share in shares.items()}
    missing = round(sum(shares.values())) - sum(wanted.values())
    for name in sorted(shares, key=lambda name: wanted[name] - shares[name])[:missing]:
        wanted[name] += 1
    if len(wanted) == 2 <= size:
        wanted = {name: max(1, count) for name, count in wanted.items()}
    return {name: min(count, counts[name] - 1) for name, count in wanted.items()}
