"""The place of a row in the file that it was read from, for messages that a person can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["PLACE_COLUMN", "data_columns", "place_of_row"]

# A reader of files adds this column: "reviews.csv, line 13". No loader hands it on.
PLACE_COLUMN = "__place__"


def data_columns(rows: Dataset) -> list[str]:
    """The columns that the file itself has, in its order."""
    return [name for name in rows.column_names if name != PLACE_COLUMN]


def place_of_row(rows: Dataset, row: int) -> str:
    """Name a row in a message: by its file and line where they are known, else by its number, from 0."""
    if PLACE_COLUMN in rows.column_names:
        return str(rows[row][PLACE_COLUMN])
    return f"row {row} (from 0)"
