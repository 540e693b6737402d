"""Sentences in columns, as the shared tasks of CoNLL publish them: a token a line, a blank line after a sentence."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .files import existing_file


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SEPARATORS", "read_conll", "write_conll"]

logger = logging.getLogger(__name__)

DOCUMENT_START = "-DOCSTART-"
# What ends a column or a line. Other white space, such as a no-break space, may be part of a token.
SEPARATORS = re.compile(r"[ \t\r\n]")


def read_conll(path: str, token_column: int = 0, tag_column: int | None = -1) -> Dataset:
    r"""The tagged sentences of a file, in their order.

    The columns are separated by tabs where the first row has one, else by spaces. Not read are ``-DOCSTART-`` rows,
    which end a sentence as a blank line does, and comments: lines in front of the first row of a sentence that begin
    with ``# `` (as in CoNLL-U; a row of a file with tabs begins with ``#\t`` where its token is ``#``).

    Args:
        path: UTF-8 text; see `hf_rnn.data.readers.files.expand_path`.
        token_column: The column of the tokens, from 0; from the last one backwards where it is negative.
        tag_column: The column of the tags; None to read the tokens alone.

    Returns:
        The columns ``tokens`` and, unless `tag_column` is None, ``ner_tags``, lists of strings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, has no sentence or is not UTF-8; a row has another number of columns than the first;
            there is no such column, or `token_column` and `tag_column` are the same.
    """
    import pyarrow as pa
    from datasets import Dataset
    from datasets.table import InMemoryTable

    file = existing_file(path)
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    try:
        for rows in _sentences(file, path):
            if not tokens:
                token_index, tag_index = _columns(token_column, tag_column, len(rows[0]), path)
            tokens.append([row[token_index] for row in rows])
            if tag_index is not None:
                tags.append([row[tag_index] for row in rows])
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path!r} is not UTF-8 text: {error}") from error
    if not tokens:
        raise ValueError(f"The file {path!r} has no sentences.")
    strings = pa.list_(pa.string())
    columns = {"tokens": tokens} if tag_column is None else {"tokens": tokens, "ner_tags": tags}
    return Dataset(InMemoryTable(pa.table({name: pa.array(values, strings) for name, values in columns.items()})))


def write_conll(path: str | Path, sentences: Iterable[Sequence[Sequence[str]]]) -> None:
    """Write sentences so that `read_conll`, and the scorers of the shared tasks, read them as they are.

    The columns are separated by tabs. An empty sentence has no line to stand on; it is left out, and a warning counts
    them. A row that begins with ``-DOCSTART-`` is written as it is, though `read_conll` skips it.

    Args:
        path: Where to write; its folder must exist.
        sentences: A sentence is a sequence of rows; a row holds its columns, as many in every row.

    Raises:
        ValueError: a column is empty or holds a space, a tab or an end of line, or rows differ in their columns. The
            file then ends with the sentence before.
    """
    width: int | None = None
    empty = 0
    with Path(path).open("w", encoding="utf-8", newline="\n") as stream:
        for number, rows in enumerate(sentences):
            lines = []
            for position, row in enumerate(rows):
                width = len(row) if width is None else width
                _check_row(row, width, f"Sentence {number}, row {position} (from 0)")
                lines.append("\t".join(row) + "\n")
            if lines:
                stream.write("".join(lines) + "\n")
            else:
                empty += 1
    if empty:
        logger.warning("%d sentences without a token are not in %s: the format cannot hold them.", empty, path)


def _sentences(file: Path, path: str) -> Iterator[list[list[str]]]:
    """The rows of each sentence, split into equally many columns."""
    rows: list[list[str]] = []
    tabs: bool | None = None
    width = 0
    # Iterating over a text file ends a line at \n, \r\n and \r alone, unlike `str.splitlines`.
    with file.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            line = line.rstrip("\n")
            if not line.strip(" \t") or line.startswith(DOCUMENT_START):
                if rows:
                    yield rows
                rows = []
                continue
            if not rows and line.startswith("# "):
                continue
            if tabs is None:
                tabs = "\t" in line
            row = line.split("\t") if tabs else [cell for cell in line.split(" ") if cell]
            width = width or len(row)
            if len(row) != width:
                raise ValueError(
                    f"The file {path!r}, line {number}: expected {width} columns as in the first row, found "
                    f"{len(row)}: {line!r}."
                )
            rows.append(row)
    if rows:
        yield rows


def _columns(token_column: int, tag_column: int | None, width: int, path: str) -> tuple[int, int | None]:
    """Both columns counted from 0."""
    for name, column in (("token_column", token_column), ("tag_column", tag_column)):
        if column is not None and not -width <= column < width:
            raise ValueError(
                f"`{name}`={column!r} must be from {-width} to {width - 1}: the file {path!r} has {width} columns."
            )
    if tag_column is None:
        return token_column % width, None
    if token_column % width == tag_column % width:
        raise ValueError(
            f"`token_column`={token_column!r} and `tag_column`={tag_column!r} are the same of the {width} columns of "
            f"the file {path!r}; they must be two."
        )
    return token_column % width, tag_column % width


def _check_row(row: Sequence[str], width: int, place: str) -> None:
    if len(row) != width:
        raise ValueError(f"{place}: expected {width} columns as in the first row, found {len(row)}: {row!r}.")
    for column, cell in enumerate(row):
        if not cell or SEPARATORS.search(cell):
            raise ValueError(
                f"{place}: column {column} is {cell!r}; it must not be empty and hold no space, tab or end of line."
            )
