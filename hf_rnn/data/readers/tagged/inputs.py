"""The sentences of a file of tagged ones for a model that tags them anew: the same that training reads from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..cells import is_empty
from ..tables.opening import OpenFile
from ..tables.rows import BadRow
from .column_file import column_tokens
from .layout import TAG_NAMES, TOKEN_NAMES
from .lines import HEAD_LINES, has_blank_lines, text_lines
from .sentences import TOKENS
from .slashes import find_joint, lines_of_items, sentences_of_items
from .table import SENTENCE_NAMES, is_one_word, plain_name


__all__ = ["LENIENT", "sentences_of_columns", "sentences_of_lines", "sentences_of_token_rows"]

logger = logging.getLogger(__name__)

# A byte that is not of the encoding is found in its row, by whoever reads the row, and does not end the file.
LENIENT = "surrogateescape"
# Rows that are looked at to find whether each is a token.
HEAD_ROWS = 100

Row = Mapping[str, Any] | BadRow
Rows = Callable[[], Iterator[Row]]


def sentences_of_columns(file: OpenFile) -> Iterator[Row]:
    """The tokens of each sentence of a file with a token and its tag on each line."""
    for found in column_tokens(text_lines(file, LENIENT)):
        yield BadRow(str(found)) if isinstance(found, ValueError) else {TOKENS: found}


def sentences_of_lines(file: OpenFile, is_table: bool) -> Rows | None:
    """The reader of a file of lines that are no rows: a token and its tag on each and a blank line between sentences,
    or a sentence on each with the tag behind each word (``Kofi/B-PER Annan/I-PER``). None for any other file.

    Args:
        file: Its lines.
        is_table: Whether it is called a table, in which white space may stand in a cell.
    """
    if has_blank_lines(text_lines(file, LENIENT), spaces=not is_table):
        logger.warning("%s: read as a token on each line, with a blank line between sentences.", file.source.name)
        return lambda: sentences_of_columns(file)
    if is_table:
        return None
    joint = find_joint(list(islice(lines_of_items(text_lines(file, LENIENT)), HEAD_LINES)))
    if joint is None:
        return None
    logger.warning("%s: read as words with their tags behind them (WORD%sTAG).", file.source.name, joint)

    def read() -> Iterator[Row]:
        lines = lines_of_items(text_lines(file, LENIENT))
        for sentence in sentences_of_items(lines, joint, file.source.shown):
            yield {TOKENS: sentence.tokens}

    return read


def sentences_of_token_rows(rows: Rows, given: str | None = None) -> Rows | None:
    """The reader of the sentences of a table that has a token on each row and, in another column, the sentence's
    number; without such a column an empty row ends a sentence. None for any other table.

    A new sentence begins where its column has another value, and an empty cell there stands for the value above it.
    Its tokens are in the column that they are read from.

    Args:
        rows: Those of the table.
        given: What the user calls the column of the tokens; None: it has a usual name.
    """
    head = [row for row in islice(rows(), HEAD_ROWS) if not isinstance(row, BadRow)]
    names = list(dict.fromkeys(name for row in head for name in row))
    token = given if given in names else _named(names, TOKEN_NAMES)
    number = _named([name for name in names if name != token], SENTENCE_NAMES)
    if token is None or not all(is_one_word(row.get(token)) for row in head):
        return None
    if number is None and not (
        _named(names, TAG_NAMES) is not None and any(all(map(is_empty, row.values())) for row in head)
    ):
        return None
    ended_by = "empty rows" if number is None else repr(number)
    logger.warning("Each row is a token: %r (--text_column_name names another); its sentence: %s.", token, ended_by)
    return lambda: _grouped(rows(), token, number)


def _named(names: Sequence[str], usual: Sequence[str]) -> str | None:
    plain = {plain_name(name): name for name in reversed(names)}
    return next((plain[name] for name in usual if name in plain), None)


def _grouped(rows: Iterator[Row], token: str, number: str | None) -> Iterator[Row]:
    tokens: list[Any] = []
    current: Any = None
    for row in rows:
        if isinstance(row, BadRow):
            # What this row would have added is unknown, so that its sentence is no input.
            yield row
            continue
        found = None if number is None else row.get(number)
        is_new = number is not None and not is_empty(found) and found != current
        is_end = number is None and is_empty(row.get(token))
        if (is_new or is_end) and tokens:
            yield {token: tokens}
            tokens = []
        current = found if is_new else current
        if not is_empty(row.get(token)):
            tokens.append(row[token])
    if tokens:
        yield {token: tokens}
