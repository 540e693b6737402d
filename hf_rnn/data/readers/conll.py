"""Sentences in columns, as the shared tasks of CoNLL publish them: a token a line, a blank line after a sentence."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .tagged.column_file import ColumnFileReader
from .tagged.layout import ColumnRequest
from .tagged.lines import open_lines
from .tagged.sentences import TAGS, TOKENS, as_rows


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SEPARATORS", "read_conll", "write_conll"]

logger = logging.getLogger(__name__)

# What ends a column or a line. Other white space, such as a no-break space, may be part of a token.
SEPARATORS = re.compile(r"[ \t\r\n]")


def read_conll(path: str, token_column: int | str = 0, tag_column: int | str | None = -1) -> Dataset:
    r"""The tagged sentences of a file, in their order; what `write_conll` writes, and what shared tasks publish.

    The columns are separated by tabs where the first row has one, else by spaces (see `tagged.lines.find_cells`). Not
    read are ``-DOCSTART-`` rows, which end a sentence as a blank line does; comments: lines in front of the first row
    of a sentence that begin with ``#`` and are no row (``#\t`` begins one in a file with tabs); a header that names
    the columns; and where the first column numbers the words, ranges (``1-2``) and empty nodes (``1.1``).

    Args:
        path: UTF-8 text; see `hf_rnn.data.readers.files.expand_path`.
        token_column: The column of the tokens, from 0; from the last one backwards where it is negative; or its name.
        tag_column: The column of the tags; None to read the tokens alone.

    Returns:
        The columns ``tokens`` and, unless `tag_column` is None, ``ner_tags``, lists of strings.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, has no sentence or is not UTF-8; a row has another number of columns than the first;
            there is no such column, or `token_column` and `tag_column` are the same.
    """
    request = ColumnRequest(token_column, tag_column, tagged=tag_column is not None)
    rows = as_rows(ColumnFileReader(request).read(open_lines(path)))
    return rows.remove_columns([name for name in rows.column_names if name not in (TOKENS, TAGS)])


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


def _check_row(row: Sequence[str], width: int, place: str) -> None:
    if len(row) != width:
        raise ValueError(f"{place}: expected {width} columns as in the first row, found {len(row)}: {row!r}.")
    for column, cell in enumerate(row):
        if not cell or SEPARATORS.search(cell):
            raise ValueError(
                f"{place}: column {column} is {cell!r}; it must not be empty and hold no space, tab or end of line."
            )
