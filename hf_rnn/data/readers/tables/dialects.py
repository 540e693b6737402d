"""How the rows of a file are written: what stands between the cells, and what cells are quoted with."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from .options import ONE_COLUMN


__all__ = [
    "BACKSLASHES",
    "DOUBLE",
    "NO_QUOTES",
    "PADDED",
    "SINGLE",
    "Quoting",
    "Trial",
    "csv_reader",
    "is_blank",
    "line_spans",
    "shown_delimiter",
    "try_reading",
]

# By default a cell has at most 131,072 characters, less than a book.
LONGEST_CELL = 2**31 - 1
# What no text has: the delimiter of rows of one cell.
_NO_DELIMITER = "\x1f"
_LINE_END = re.compile("\r\n|\r|\n")
# A sample that is cut within a quoted cell lacks its end; a cell of more lines is no cell.
LINES_OF_A_CUT_CELL = 100


class Quoting(NamedTuple):
    r"""How cells are quoted.

    Attributes:
        character: The quote; "" for none.
        escape: What a backslash does: "" nothing; ``"all"``, it escapes whatever follows; ``"quotes"``, it escapes
            quotes alone, and stands for itself elsewhere (``C:\new``).
        after_space: Whether spaces between a delimiter and the next cell are no part of it: ``good, "pos"``.
    """

    character: Literal["", '"', "'"]
    escape: Literal["", "all", "quotes"] = ""
    after_space: bool = False

    def __str__(self) -> str:
        names = {"": "no quotes", '"': "double quotes", "'": "single quotes"}
        ending = r" with \" for quotes in them" if self.escape else " after a space" if self.after_space else ""
        return names[self.character] + ending


DOUBLE, SINGLE, NO_QUOTES = Quoting('"'), Quoting("'"), Quoting("")
PADDED = Quoting('"', after_space=True)
BACKSLASHES = (Quoting('"', "all"), Quoting('"', "quotes"))


def csv_reader(lines: Iterable[str], delimiter: str, quoting: Quoting) -> Iterator[list[str]]:
    """The rows of `lines` (each with its end), an empty one of a blank line; `line_num` counts the lines.

    It raises `csv.Error` where a cell goes on after its closing quote, or never ends, and can then go on.
    """
    csv.field_size_limit(LONGEST_CELL)
    if quoting.escape == "quotes":
        alone = re.compile(rf"\\(?!{quoting.character})")
        lines = (alone.sub(r"\\\\", line) if "\\" in line else line for line in lines)
    return csv.reader(
        lines,
        delimiter=delimiter or _NO_DELIMITER,
        quotechar=quoting.character or None,
        quoting=csv.QUOTE_MINIMAL if quoting.character else csv.QUOTE_NONE,
        escapechar="\\" if quoting.escape else None,
        skipinitialspace=quoting.after_space,
        strict=True,
    )


def is_blank(row: list[str], width: int) -> bool:
    """Whether a row is a blank line, and no row of cells that are empty."""
    return not row or (len(row) == 1 < width and not row[0].strip())


def line_spans(rows: Iterable[list[str]]) -> list[int]:
    """How many lines each row takes: one more than the line ends in its cells."""
    return [1 + sum(len(_LINE_END.findall(cell)) for cell in row if "\n" in cell or "\r" in cell) for row in rows]


def shown_delimiter(delimiter: str) -> str:
    """Name a delimiter as messages and `--delimiter` do."""
    return {"\t": "tab", ONE_COLUMN: "none"}.get(delimiter, repr(delimiter))


@dataclass
class Trial:
    """A sample of a file, read in one way.

    Attributes:
        delimiter, quoting: The way.
        rows: Those before the first problem, without blank ones.
        starts: The line on which each begins, from 0.
        problem: Why the sample cannot be read so; None where it can.
        line: The line of the problem, from 0.
    """

    delimiter: str
    quoting: Quoting
    rows: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    problem: str | None = None
    line: int = 0

    @property
    def width(self) -> int:
        """The cells of the first row."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def fits(self) -> bool:
        """Whether all rows have as many cells as the first."""
        return self.problem is None and self.width > 0

    @cached_property
    def long_rows(self) -> list[int]:
        """The rows that go over several lines."""
        return [row for row, span in enumerate(line_spans(self.rows)) if span > 1]


def try_reading(lines: list[str], delimiter: str, quoting: Quoting, is_cut: bool = False) -> Trial:
    """Read a sample in one way, up to the first row that has another number of cells.

    Args:
        lines: With their ends.
        delimiter, quoting: The way.
        is_cut: Whether the file goes on, and the last row may lack its end.
    """
    trial = Trial(delimiter, quoting)
    reader = csv_reader(lines, delimiter, quoting)
    start = 0
    try:
        for row in reader:
            width = trial.width or len(row)
            if not is_blank(row, width):
                if len(row) != width:
                    trial.problem, trial.line = f"{len(row)} cells, and the first row has {width}", start
                    return trial
                trial.rows.append(row)
                trial.starts.append(start)
            start = reader.line_num  # type: ignore[attr-defined]
    except csv.Error as error:
        lacks_its_end = is_cut and reader.line_num == len(lines)  # type: ignore[attr-defined]
        if not lacks_its_end or len(lines) - start > LINES_OF_A_CUT_CELL:
            trial.problem, trial.line = str(error), start
    return trial
