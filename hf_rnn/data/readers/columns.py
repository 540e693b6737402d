"""The columns of a table, as messages show them to whoever has to name one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .places import data_columns


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["described_columns"]

# A value is shown up to here.
SAMPLE_CHARACTERS = 30
# A table of more columns is shown by its first ones.
SHOWN_COLUMNS = 20


def described_columns(rows: Dataset) -> str:
    """Every column with a value of it: ``'review' ('a fine film'), 'stars' ('4')``."""
    names = data_columns(rows)
    shown = ", ".join(f"{name!r} ({_sample(rows, name)})" for name in names[:SHOWN_COLUMNS])
    more = len(names) - SHOWN_COLUMNS
    return f"{shown} and {more} more" if more > 0 else shown


def _sample(rows: Dataset, name: str) -> str:
    values: list[Any] = rows[:100][name]
    shown = repr(next((value for value in values if value not in (None, "")), None))
    return shown if len(shown) <= SAMPLE_CHARACTERS else f"{shown[:SAMPLE_CHARACTERS]}…"
