"""The lines of a file with a token on each: what divides them into sentences, what divides a line into cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ..files import existing_file
from ..tables.opening import OpenFile, find_text, say_findings
from ..tables.options import ReadingArguments
from ..tables.sources import find_source


__all__ = [
    "DOCUMENT_START",
    "Block",
    "Cells",
    "NumberedLine",
    "blocks_of_lines",
    "find_cells",
    "has_blank_lines",
    "open_lines",
    "rows_for_sure",
    "text_lines",
    "without_first_row",
]

DOCUMENT_START = "-DOCSTART-"
COMMENT = "#"
# What may stand between the cells of a line that has neither tab nor space.
OTHER_DELIMITERS = ",;|"
SLASH = "/"
# So many rows tell whether tabs and spaces together divide the cells.
HEAD = 10_000
# So many lines tell whether a file has a token on each, and blank lines between sentences.
HEAD_LINES = 2000
# Prose has not the same number of words in each of so many lines.
FEWEST_LINES = 10
_SPACES = re.compile(r"[ \t]+")


class NumberedLine(NamedTuple):
    """A line and its number in the file, from 1."""

    number: int
    text: str


# The lines between two blank ones, comments included.
Block = list[NumberedLine]


def open_lines(path: str, options: ReadingArguments | None = None) -> OpenFile:
    """Find the compression and the encoding of a file of text, and say of the latter what is no certainty.

    Args:
        path: See `hf_rnn.data.readers.files.expand_path`.
        options: What is known of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, damaged, or in no encoding that can be told.
    """
    source = find_source(existing_file(path), path)
    encoding = find_text(source, options or ReadingArguments())
    if encoding.is_guess:
        say_findings(source, [(f"as {encoding.name}", "--encoding")])
    return OpenFile(source, "lines", encoding)


def text_lines(file: OpenFile, errors: str = "strict") -> Iterator[str]:
    r"""The lines of a file of text without their ends, which are \n, \r\n or \r.

    Args:
        file: An open one.
        errors: What becomes of bytes that are not of the encoding, as in `open`.

    Raises:
        ValueError: a line is not in the encoding of the file; it is named.
    """
    # Iterating over a text file ends a line at these three alone, unlike `str.splitlines`.
    with file.text(errors=errors, newline=None) as stream:
        for line in stream:
            yield line.rstrip("\n")


def blocks_of_lines(lines: Iterable[str]) -> Iterator[Block]:
    """Lines that belong together: between blank lines, of spaces or tabs too, or ``-DOCSTART-`` with any tail."""
    block: Block = []
    for number, text in enumerate(lines, start=1):
        if text.strip(" \t") and not text.startswith(DOCUMENT_START):
            block.append(NumberedLine(number, text))
        elif block:
            yield block
            block = []
    if block:
        yield block


@dataclass(frozen=True)
class Cells:
    """How a line is cut.

    Attributes:
        cut: Gives the cells of a line.
        width: How many the first row has.
        name: What divides them, in words.
    """

    cut: Callable[[str], list[str]]
    width: int
    name: str


def find_cells(blocks: Iterable[Block]) -> Cells | None:
    """How the rows of `blocks` are cut into cells; None where there is none.

    Cells are divided by tabs where the first row has one, otherwise by spaces, several being as good as one; by both
    where that alone gives all rows one number of cells. Where no row has either, they are divided by a comma, a
    semicolon or a bar that all have equally often, in quotes as in csv files, or by the last slash of each.
    """
    rows = [line.text for block in blocks for line in rows_for_sure(block)]
    if not rows:
        return None
    tabs = "\t" in rows[0]
    if not tabs and any(_SPACES.search(row.strip(" \t")) for row in rows):
        return Cells(_at_spaces, len(_at_spaces(rows[0])), "spaces")
    if tabs:
        widths = {len(_at_spaces(row)) for row in rows[:HEAD]}
        at_tabs = len(_at_tabs(rows[0]))
        if len(widths) == 1 and at_tabs < min(widths):
            return Cells(_at_spaces, min(widths), "tabs and spaces")
        return Cells(_at_tabs, at_tabs, "tabs")
    for delimiter in OTHER_DELIMITERS:
        cut = _csv_cutter(delimiter)
        widths = {len(cut(row)) for row in rows}
        if len(widths) == 1 and min(widths) > 1:
            return Cells(cut, min(widths), repr(delimiter))
    if all(SLASH in row[1:-1] for row in rows):
        return Cells(lambda row: row.strip().rsplit(SLASH, 1), 2, repr(SLASH))
    return Cells(_at_spaces, 1, "spaces")


def has_blank_lines(lines: Iterable[str], *, spaces: bool = False) -> bool:
    """Whether a file has a token and its tag on each line, and a blank line between two sentences.

    Args:
        lines: Those of a file that may also be a table or plain text.
        spaces: Whether spaces may stand between the cells. They do in prose, too, so that the rows must be some.
    """
    blocks = list(blocks_of_lines(islice(lines, HEAD_LINES)))
    cells = find_cells(blocks)
    if len(blocks) < 2 or cells is None or cells.width < 2:
        return False
    rows = [cells.cut(line.text) for block in blocks for line in rows_for_sure(block)]
    if cells.name.startswith("spaces") and not (spaces and len(rows) >= FEWEST_LINES):
        return False
    return all(len(row) == cells.width and " " not in "".join(row) for row in rows)


def rows_for_sure(block: Block) -> Sequence[NumberedLine]:
    """The lines of a block from the first on that does not begin with a hash; those before it may be comments."""
    for index, line in enumerate(block):
        if not line.text.startswith(COMMENT):
            return block[index:]
    return []


def without_first_row(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks behind a header, which is the first row; what follows it at once is a block of its own."""
    found = False
    for block in blocks:
        rows = rows_for_sure(block)
        if found or not rows:
            yield block
            continue
        found = True
        if rows[1:]:
            yield list(rows[1:])


def _at_spaces(text: str) -> list[str]:
    return [cell for cell in _SPACES.split(text) if cell]


def _at_tabs(text: str) -> list[str]:
    return [cell.strip(" ") for cell in text.rstrip(" \t").split("\t")]


def _csv_cutter(delimiter: str) -> Callable[[str], list[str]]:
    return lambda text: next(csv.reader([text], delimiter=delimiter), [])
