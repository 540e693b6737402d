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
# How a number with a comma may be written: 1.501,34 or 1501,34 by the one, 1,501.34 by the other. No number with
# groups of thousands begins with a 0.
_GROUPS = r"[+-]?(\d+|[1-9]\d{{0,2}}(?:{mark}\d{{3}})+)"
_DECIMAL_COMMA = re.compile(_GROUPS.format(mark=r"\.") + r"(,\d+)?")
_DECIMAL_POINT = re.compile(_GROUPS.format(mark=",") + r"(\.\d+)?")
# What each of the marks becomes, by the notation of a column.
_WRITTEN: dict[str, dict[str, str]] = {
    "point": {},
    "decimal commas": {".": "", ",": "."},
    "thousands commas": {",": ""},
}


# A unit before a number has the sign of a currency: €, R$. Letters alone would be the name of a thing, as in shop1.
_BEFORE = r"(?:[^\W\d_]{0,3}[$€£¥₩₹₽₺₫₴₦₱฿])?"
_BEHIND = r"[^\w\s.,+'’-]?[^\W\d_]{0,4}|[^\W\d_]{0,4}[^\w\s.,+'’-]?"
_WITH_UNIT = re.compile(rf"(?P<before>{_BEFORE})\s*(?P<number>[+-]?\d[\d.,]*)\s*(?P<behind>{_BEHIND})")
# Spaces and apostrophes between groups of three digits say nothing else: 1 234 567, 1'234'567.
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u202f'’](?=\d{3}(?!\d))")


def holds_numbers(values: Sequence[Any]) -> bool:
    """Whether all cells that say something are numbers, and there is one."""
    filled, _ = _without_marks([value for value in values if not _is_missing(value)])
    notation = _notation(filled) or "thousands commas"
    return bool(filled) and all(_number(value, notation) is not None for value in filled)


def read_numbers(rows: Dataset, column: str, argument: str) -> np.ndarray:
    """The numbers of a column, (rows,), NaN where a cell says nothing.

    Numbers with a decimal comma, or with commas between thousands, are read where all numbers of the column are
    written so or are whole, and said; so is the unit of numbers that all have the same, such as ``€ 5``.

    Raises:
        ValueError: a cell holds something else, no cell a number, or all numbers with a comma may be read both ways,
            such as 1,238; the message names `argument` and the place.
    """
    cells = [None if _is_missing(cell) else cell for cell in rows[column][:]]
    cells, unit = _without_marks(cells)
    if unit:
        logger.warning("The numbers of column %r are in %s, which is left out.", column, unit)
    notation = _notation([cell for cell in cells if cell is not None])
    with_comma = next((row for row, cell in enumerate(cells) if isinstance(cell, str) and "," in cell), 0)
    example = str(cells[with_comma]).strip()
    if notation is None:
        raise ValueError(
            f"`{argument}`: column {column!r} has {example!r} in {place_of_row(rows, with_comma)}, which may be "
            f"{example.replace(',', '')} or {example.replace(',', '.')}, and no other number says which; write its "
            "numbers without marks between thousands, and with a point before decimals."
        )
    if notation != "point":
        read = _number(cells[with_comma], notation)
        logger.warning("Column %r has %s: %s is read as %s.", column, notation, example, read)
    found = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        number = _number(cell, notation)
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


def _without_marks(cells: Sequence[Any]) -> tuple[list[Any], str]:
    """The cells without spaces and apostrophes between thousands, and without their unit if all texts have the same;
    and that unit, "" where there is none.
    """
    cells = [_BETWEEN_THOUSANDS.sub("", cell.strip()) if isinstance(cell, str) else cell for cell in cells]
    found = [_WITH_UNIT.fullmatch(cell) for cell in cells if isinstance(cell, str)]
    units = {(match["before"], match["behind"]) if match else None for match in found}
    one = units.pop() if len(units) == 1 else None
    if one is None or not any(one):
        return cells, ""
    numbers = iter(match["number"] for match in found if match)
    return [next(numbers) if isinstance(cell, str) else cell for cell in cells], " … ".join(filter(None, one))


def _notation(filled: Sequence[Any]) -> str | None:
    """How the numbers of a column are written, one of `_WRITTEN`; None: nothing says what their commas are."""
    texts = [value.strip() for value in filled if isinstance(value, str)]
    if not any("," in text for text in texts):
        return "point"
    comma = all(_DECIMAL_COMMA.fullmatch(text) for text in texts)
    point = all(_DECIMAL_POINT.fullmatch(text) for text in texts)
    if comma and point:
        return None
    return "decimal commas" if comma else "thousands commas" if point else "point"


def _number(value: Any, notation: str) -> float | None:
    if isinstance(value, bool):
        # True and false of a parquet file, such as holidays.
        return float(value)
    if isinstance(value, str):
        for mark, written in _WRITTEN[notation].items():
            value = value.replace(mark, written)
    return as_number(value)
