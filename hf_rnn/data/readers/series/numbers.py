"""The numbers in a column of a table, with nothing where a value is missing."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells import as_number, says_nothing
from ..places import place_of_row


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["holds_numbers", "read_numbers"]


logger = logging.getLogger(__name__)

# Among numbers these are no texts: they say that there is none.
MISSING = frozenset(("na", "n/a", "none", "-", ".", "?", "nd", "n.d."))
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def holds_numbers(values: Sequence[Any]) -> bool:
    """Whether all cells that say something are numbers, and there is one."""
    filled = [value for value in values if not _is_missing(value)]
    comma = _has_decimal_comma(filled)
    return bool(filled) and all(_number(value, comma) is not None for value in filled)


def read_numbers(rows: Dataset, column: str, argument: str) -> np.ndarray:
    """The numbers of a column, (rows,), NaN where a cell says nothing.

    Numbers with a decimal comma are read where every number of the column has one or is whole, and said.

    Raises:
        ValueError: a cell holds something else, or no cell a number; the message names `argument` and the place.
    """
    cells = list(rows[column][:])
    comma = _has_decimal_comma([cell for cell in cells if not _is_missing(cell)])
    if comma:
        logger.warning("Column %r has decimal commas: 1,5 is read as 1.5.", column)
    found = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if _is_missing(cell):
            continue
        number = _number(cell, comma)
        if number is None:
            raise ValueError(
                f"`{argument}`: column {column!r} has {cell!r} in {place_of_row(rows, row)}; it must hold finite "
                "numbers, or nothing where a value is missing."
            )
        found[row] = number
    if np.isnan(found).all():
        raise ValueError(f"`{argument}`: column {column!r} has no number in any row.")
    return found


def _is_missing(value: Any) -> bool:
    return says_nothing(value) or (isinstance(value, str) and value.strip().casefold() in MISSING)


def _has_decimal_comma(filled: Sequence[Any]) -> bool:
    texts = [value for value in filled if isinstance(value, str)]
    commas = [text for text in texts if "," in text]
    return bool(commas) and all(
        _DECIMAL_COMMA.fullmatch(text.strip()) if "," in text else "." not in text for text in texts
    )


def _number(value: Any, comma: bool) -> float | None:
    if isinstance(value, bool):
        # True and false of a parquet file, such as holidays.
        return float(value)
    return as_number(value.replace(",", ".") if comma and isinstance(value, str) else value)
