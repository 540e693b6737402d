"""The rows of a table of text, batch by batch, each with the line on which it begins."""

from __future__ import annotations

import csv
import logging
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, cast

from .dialects import Quoting, csv_reader, is_blank, line_spans, shown_delimiter
from .labelled_lines import cells_of_line
from .layouts import Layout
from .options import ONE_COLUMN
from .quoting import looks_like_rows, split_lines


__all__ = ["BadRow", "RowBatch", "read_batches"]

logger = logging.getLogger(__name__)

BATCH_ROWS = 500
# Cells of more characters are cut in messages.
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, the `problem` with it, in words, and its `line`, where there are lines."""

    problem: str
    line: int | None = None


Cells = list[str | None]


@dataclass(frozen=True)
class RowBatch:
    """Rows in their order.

    Attributes:
        rows: The cells of each; None is an empty cell, ``""`` an empty one in quotes.
        lines: Where each begins, from 1.
    """

    rows: list[Cells | BadRow]
    lines: list[int]


class _Lines:
    """The lines of a file, of which those of the last rows can be had again."""

    def __init__(self, stream: IO[str], skipped: int) -> None:
        self._stream = stream
        for _ in range(skipped):
            next(stream, None)
        self._first = 0
        self._blocks: deque[list[str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._read())

    def _read(self) -> Iterator[list[str]]:
        while block := list(islice(self._stream, BATCH_ROWS)):
            self._blocks.append(block)
            yield block

    def of(self, start: int, span: int) -> str:
        """The text of `span` lines from `start` on, which must not have been forgotten."""
        return "".join(islice(chain.from_iterable(self._blocks), start - self._first, start - self._first + span))

    def forget(self, before: int) -> None:
        """Let go of blocks that end before the line `before`."""
        while self._blocks and self._first + len(self._blocks[0]) <= before:
            self._first += len(self._blocks.popleft())


def read_batches(stream: IO[str], layout: Layout) -> Iterator[RowBatch]:
    """The rows of `stream`, without the header, wherever it is repeated, and without blank lines; a `BadRow` in the
    place of one that cannot be read.

    Args:
        stream: The text of the file from its beginning, whose lines end as they are written (``newline=""``).
        layout: As `find_layout` found it.
    """
    lines = _Lines(stream, layout.skipped_lines)
    reader = csv_reader(lines, layout.delimiter, layout.quoting)
    check = _Checks(layout, lines)
    is_header_due = layout.has_header
    header: list[str] | None = None
    done = 0
    while True:
        rows: list[list[str]] = []
        failure = None
        try:
            # What came before a fault stays in the list.
            rows.extend(islice(reader, BATCH_ROWS))
        except csv.Error as error:
            failure = str(error)
        end: int = reader.line_num  # type: ignore[attr-defined]
        if not rows and failure is None:
            return
        if layout.has_labels_in_front:
            rows = [cells_of_line(row[0]) if row else row for row in rows]
        plain = failure is None and end - done == len(rows)
        if plain and not is_header_due and check.are_complete(rows) and header not in rows:
            first = done + layout.skipped_lines + 1
            yield RowBatch(cast("list[Cells | BadRow]", rows), [*range(first, first + len(rows))])
            done = end
            lines.forget(done)
            continue
        spans = [1] * len(rows) if plain else line_spans(rows)
        found: list[Cells | BadRow] = []
        starts: list[int] = []
        start = done
        for row, span in zip(rows, spans, strict=True):
            if is_header_due and not is_blank(row, len(layout.names)):
                is_header_due = False
                header = row if len(row) > 1 else None
            elif row == header:
                line = start + layout.skipped_lines + 1
                logger.warning("Line %d repeats the header (%s), and is left out.", line, ", ".join(row))
            elif (cells := check.cells(row, start, span)) is not None:
                found.append(cells)
                starts.append(start + layout.skipped_lines + 1)
            start += span
        if failure is not None:
            line = start + layout.skipped_lines + 1
            found.append(BadRow(_explained(failure, layout.quoting), line))
            starts.append(line)
        done = end
        lines.forget(done)
        yield RowBatch(found, starts)


class _Checks:
    """The checks of a row before it is handed on."""

    def __init__(self, layout: Layout, lines: _Lines) -> None:
        self._layout, self._lines = layout, lines
        self._width = len(layout.names)
        self._guards = bool(layout.quoting.character) and not layout.is_given and layout.delimiter != ONE_COLUMN
        self._empty = layout.quoting.character * 2
        self._cells = _cell_pattern(layout)

    def are_complete(self, rows: list[list[str]]) -> bool:
        """Whether all rows, each of one line, have all cells, and none is empty."""
        return {*map(len, rows)} == {self._width} and not any("" in row for row in rows)

    def cells(self, row: list[str], start: int, span: int) -> Cells | BadRow | None:
        """The cells of a row; None for a blank line."""
        if len(row) != self._width:
            if is_blank(row, self._width):
                return None
            return BadRow(self._ragged(row), start + self._layout.skipped_lines + 1)
        if span > 1 and self._guards and self._joins_rows(row):
            return BadRow(
                "a quote opens here, and the lines up to the next one look like rows of their own. `--quotes none` "
                "reads quotes as characters, `--quotes double` reads the lines as one cell.",
                start + self._layout.skipped_lines + 1,
            )
        if "" not in row:
            return row  # type: ignore[return-value]
        quoted = self._quoted_empty(start, span)
        return [cell if cell or number in quoted else None for number, cell in enumerate(row)]

    def _ragged(self, row: list[str]) -> str:
        names = ", ".join(self._layout.names[:5]) + (", …" if self._width > 5 else "")
        shown = self._layout.delimiter
        text = (shown or " ").join(row)
        text = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
        return (
            f"{len(row)} cells, and the first row has {self._width} ({names}): {text!r}. A cell with "
            f"{shown_delimiter(shown)} in it must stand in double quotes; `--delimiter` names another "
            "(none: a row is one cell), and `--quotes none` reads quotes as characters."
        )

    def _joins_rows(self, row: list[str]) -> bool:
        delimiter = self._layout.delimiter
        inside = [line.split(delimiter) for line in split_lines(delimiter.join(row))]
        if any(len(cells) != self._width for cells in inside):
            return False
        known = self._layout.known_values
        return looks_like_rows(inside, known) if known is not None else not self._layout.needs_quotes

    def _quoted_empty(self, start: int, span: int) -> set[int]:
        """Which cells of a row are empty and in quotes."""
        if not self._empty:
            return set()
        text = self._lines.of(start, span)
        if self._empty not in text:
            return set()
        return {number for number, cell in enumerate(self._cells.findall(text)) if cell == self._empty}


def _cell_pattern(layout: Layout) -> re.Pattern[str]:
    """A cell as it is written, with its quotes."""
    quote, delimiter = re.escape(layout.quoting.character), re.escape(layout.delimiter or "\x1f")
    if not quote:
        return re.compile("$^")
    plain = rf"[^{quote}\\]|\\." if layout.quoting.escape else f"[^{quote}]"
    quoted = f"{quote}(?:{plain}|{quote}{quote})*{quote}"
    unquoted = rf"[^{delimiter}\r\n]*"
    return re.compile(rf"(?:^|(?<={delimiter}))({quoted}|{unquoted})(?={delimiter}|\r|\n|$)", re.DOTALL)


def _explained(failure: str, quoting: Quoting) -> str:
    """Say what `csv` says in words that name what to do."""
    if "unexpected end" in failure:
        problem = "a quote opens here and never closes"
    elif "expected after" in failure:
        problem = "a cell goes on after the quote that closes it"
    else:
        problem = failure
    double = "; a quote within a cell is written twice" if quoting.character else ""
    return f"{problem}{double}. `--quotes none` reads quotes as characters."
