"""Rows that lack what is to be read from them: they are left out and counted, or refused."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .places import place_of_row


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["without_empty_rows"]

logger = logging.getLogger(__name__)


def without_empty_rows(rows: Dataset, split: str, lacking: Sequence[str | None], empty_rows: str) -> Dataset:
    """`rows` without those that lack something; one line says how many they are, what they lack and where one is.

    Args:
        rows: Of one split.
        split: What the split is called.
        lacking: For each row what it lacks, such as ``"text"`` or ``"label"``; None where it lacks nothing.
        empty_rows: ``"drop"`` or ``"refuse"``, as `SourceArguments.empty_rows`.

    Raises:
        ValueError: `empty_rows` is ``"refuse"`` and a row lacks something, or every row does.
    """
    empty = [row for row, what in enumerate(lacking) if what is not None]
    if not empty:
        return rows
    first = f"{place_of_row(rows, empty[0])} has no {lacking[empty[0]]}"
    if empty_rows == "refuse":
        raise ValueError(
            f"The {split} split: {first} ({len(empty)} of {len(rows)} rows lack something). `empty_rows`='refuse' was "
            "given; 'drop' leaves such rows out."
        )
    if len(empty) == len(rows):
        raise ValueError(f"The {split} split has no row that can be read: {first}, and so it is with all {len(rows)}.")
    counts = Counter(what for what in lacking if what is not None)
    parts = ", ".join(f"{count} without a {what}" for what, count in counts.items())
    logger.warning(
        "%d of %d %s rows are left out: %s (the first: %s). --empty_rows refuse ends with an error instead.",
        len(empty),
        len(rows),
        split,
        parts,
        place_of_row(rows, empty[0]),
    )
    return rows.select([row for row, what in enumerate(lacking) if what is None])
