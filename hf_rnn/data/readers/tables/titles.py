"""Find the lines above the header of a table, such as the title that a survey or a spreadsheet is exported with."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .dialects import DOUBLE, csv_reader
from .headers import has_header, is_row_of_names


__all__ = ["Titles", "find_titles"]

# So many lines tell whether there are titles, which are a few lines at most.
HEAD_LINES = 200
MOST_TITLES = 10
# A table has so many rows below its titles, and this share of them the same number of cells.
FEWEST_ROWS = 4
REGULAR = 0.9
SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Titles:
    """Lines that stand above the header.

    Attributes:
        lines: How many there are.
        shown: What the first of them that is not empty says, cut; "" where all are empty.
        is_certain: Whether the line below them is certain to be the header.
    """

    lines: int
    shown: str
    is_certain: bool


def find_titles(lines: Sequence[str], delimiters: Sequence[str]) -> Titles | None:
    """The titles above a table: leading rows of which at most half as many cells are filled as in the rows below.

    A row is no title where it may be the header itself: it has a usual name, or only its first cell is empty, as that
    of an index is. Nor is one where the row below it is certain to be no header.

    Args:
        lines: The first lines of the file, each with its end.
        delimiters: What may stand between the cells, the likeliest first.

    Returns:
        Those that are certain by any of the delimiters, or else those that are likely; None where there are none.
    """
    head = lines[:HEAD_LINES]
    found = [titles for one in delimiters if (titles := _titles(head, one)) is not None]
    return min(found, key=lambda titles: not titles.is_certain, default=None)


def _titles(lines: Sequence[str], delimiter: str) -> Titles | None:
    rows, starts = _rows(lines, delimiter)
    widths = Counter(map(len, rows[1:]))
    if not widths:
        return None
    width, count = widths.most_common(1)[0]
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = sorted(filled)[len(filled) // 2]
    above = next((row for row, cells in enumerate(filled) if 2 * cells > usual and len(rows[row]) == width), 0)
    below = rows[above:]
    if not 0 < above <= MOST_TITLES or usual < 2 or len(below) < 1 + FEWEST_ROWS:
        return None
    if sum(len(row) == width for row in below) < REGULAR * len(below):
        return None
    titles = [row for row, cells in zip(rows[:above], filled, strict=False) if cells]
    if any(len(row) == width and _may_be_header(row) for row in titles):
        return None
    is_header, is_certain = has_header([row for row in below if len(row) == width])
    if not is_header:
        return None
    shown = next((cell.strip() for row in titles for cell in row if cell.strip()), "")
    shown = shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}…"
    return Titles(starts[above], shown, is_certain or not titles)


def _may_be_header(row: Sequence[str]) -> bool:
    """Whether a row of which most cells are empty may be one of names: of usual ones, or of all columns but the first,
    which numbers the rows.
    """
    return is_row_of_names([cell for cell in row if len(cell.split()) == 1]) or not row[0].strip()


def _rows(lines: Sequence[str], delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The rows up to the first that cannot be read, without blank lines, and the line of each, from 0."""
    rows: list[list[str]] = []
    starts: list[int] = []
    reader = csv_reader(lines, delimiter, DOUBLE)
    start = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or len(row) > 1:
                rows.append(row)
                starts.append(start)
            start = reader.line_num  # type: ignore[attr-defined]
    except csv.Error:
        # The reader of the whole file says what is wrong with this row.
        return rows, starts
    return rows, starts
