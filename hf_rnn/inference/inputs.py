"""What a model is asked, from the rows of a file: its text, its pair of texts, or its tokens."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..data.readers.cells import as_list
from ..data.readers.columns import sample_value, text_columns
from ..data.readers.pair_columns import pair_of_texts
from ..data.readers.row_stream import TEXT_COLUMN, BadRow, Row
from ..data.readers.tables.object_lists import list_and_part, part_of, parts_in_lists
from ..data.readers.tagged.recognition import looks_like_entities
from ..data.readers.tagged.table import LIST_NAMES, USUAL_TAG_COLUMNS, USUAL_TOKEN_COLUMNS, plain_name


__all__ = ["InputColumns", "find_columns"]


logger = logging.getLogger(__name__)

# What is said of a column where the model is no tagger.
_NO_WORDS = "holds lists of words, and the model takes texts: ask a tagger, or write each text as a string"

Kind = Literal["text", "pair", "tokens"]


@dataclass(frozen=True)
class InputColumns:
    """The columns that the inputs stand in.

    Attributes:
        kind: What an input is.
        names: The names of its columns: two of a pair, else one.
        is_plain: Whether the rows are lines of text, in which a tab stands between the texts of a pair.
    """

    kind: Kind
    names: tuple[str, ...]
    is_plain: bool = False

    def input_of(self, row: Row) -> Any:
        """A text, ``{"text": ..., "text_pair": ...}`` or a list of tokens; of a row that has none a `BadRow`."""
        if isinstance(row, BadRow):
            return row
        if self.kind == "tokens":
            return _checked_tokens(row.get(self.names[0]))
        try:
            values: list[Any] = [_cell(row, name) for name in self.names]
        except ValueError as error:
            return BadRow(str(error))
        if self.kind == "pair" and self.is_plain:
            values = str(row[TEXT_COLUMN]).split("\t")
            if len(values) != 2:
                return BadRow(f"the line has {len(values) - 1} tabs; one must stand between the two texts")
        problems = (_problem(value) for value in values)
        if (problem := next(filter(None, problems), None)) is not None:
            return BadRow(problem)
        return values[0] if self.kind == "text" else {"text": values[0], "text_pair": values[1]}


def find_columns(
    rows: Sequence[Row],
    kinds: Sequence[Kind],
    text_column: str | None = None,
    pair_column: str | None = None,
    is_plain: bool = False,
) -> InputColumns:
    """The columns of the inputs: those that are named, or else those with a usual name, or else the only one of long
    texts.

    Args:
        rows: The first ones.
        kinds: What the model takes, the likeliest first.
        text_column: What the user calls the column of the texts, of the first texts of pairs, or of the tokens.
        pair_column: What the user calls the column of the second texts.
        is_plain: Whether the rows are lines of text.

    Raises:
        ValueError: no column is found, or there is none of a name that was given.
    """
    good = [row for row in rows if not isinstance(row, BadRow)]
    names = list(dict.fromkeys(name for row in good for name in row))
    lists = _columns_of_lists(good, names, written="tokens" in kinds)
    for argument, name in (("text_column_name", text_column), ("text_pair_column_name", pair_column)):
        if name is not None and good:
            _check_column(argument, name, {one: [row.get(one) for row in good] for one in names})
            if name in lists and "tokens" not in kinds:
                raise ValueError(f"`{argument}`={name!r} {_NO_WORDS}.")
    if pair_column is not None and "pair" not in kinds:
        raise ValueError(f"`text_pair_column_name`={pair_column!r} was given, and the model takes no pairs of texts.")
    if not good:
        # Nothing can be asked, and each row says why.
        return InputColumns(kinds[0], (TEXT_COLUMN, TEXT_COLUMN))
    if is_plain:
        return InputColumns("text" if "text" in kinds else "pair", (TEXT_COLUMN,), is_plain=True)
    if text_column is not None and pair_column is not None:
        return InputColumns("pair", (text_column, pair_column))
    for kind in kinds:
        if pair_column is not None and kind != "pair":
            continue
        if (found := _usual(kind, good, names, lists, text_column, len(kinds) > 1)) is not None:
            return InputColumns(kind, found)
    wanted = "`text_column_name` and `text_pair_column_name`" if "pair" in kinds else "`text_column_name`"
    shown = ", ".join(f"{name!r} ({sample_value([row.get(name) for row in good])})" for name in names)
    raise ValueError(
        f"Give {wanted}: no column has a usual name or is the only one of texts; the columns are {shown}"
        f"{parts_in_lists({name: [row.get(name) for row in good] for name in names})}"
        f"{'' if 'tokens' in kinds else ''.join(f'; {name!r} {_NO_WORDS}' for name in names if name in lists)}."
    )


def _check_column(argument: str, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Raise a ValueError that names `argument` unless `name` is a column of texts or tokens, or a part of lists."""
    hint = parts_in_lists({name: columns[name]} if name in columns else columns)
    if name in columns:
        if hint:
            raise ValueError(f"`{argument}`={name!r} is no column of texts{hint}.")
        return
    found = list_and_part(name, columns)
    if found is None or not parts_in_lists({found[0]: columns[found[0]]}):
        raise ValueError(f"`{argument}`={name!r} must be one of the columns: {', '.join(map(repr, columns))}{hint}.")


def _usual(
    kind: Kind,
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    lists: set[str],
    given: str | None,
    pairs_by_name: bool,
) -> tuple[str, ...] | None:
    if kind == "pair":
        columns = {name: [row.get(name) for row in rows] for name in names}
        pair = pair_of_texts(columns, first=given, by_name=pairs_by_name)
        if pair not in (None, (TEXT_COLUMN, "text_pair")):
            logger.warning("Pairs are read from %r and %r (--text_column_name and --text_pair_column_name).", *pair)
        return pair
    if given is not None:
        return (given,) if (given in lists) == (kind == "tokens") else None
    if kind == "tokens":
        column = _token_column(rows, [name for name in names if name in lists])
        return None if column is None else (column,)
    column = text_columns({name: [row.get(name) for row in rows] for name in names}).certain
    if column is None and len(names) == 1 and names[0] not in lists:
        column = names[0]
    if column is not None and column != "text" and len(names) > 1:
        logger.warning("Texts are read from %r (--text_column_name names another).", column)
    return None if column is None else (column,)


def _columns_of_lists(rows: Sequence[Mapping[str, Any]], names: Sequence[str], written: bool) -> set[str]:
    """The columns whose cells are lists of words, also those `written` as text, such as ``['a', 'b']``."""
    cells = {name: [row[name] for row in rows if row.get(name)] for name in names}
    return {name for name in names if cells[name] and all(_is_list(cell, written) for cell in cells[name])}


def _is_list(cell: Any, written: bool) -> bool:
    items = as_list(cell) if written and isinstance(cell, str) else cell
    return isinstance(items, list) and not any(isinstance(item, list | Mapping) for item in items)


def _token_column(rows: Sequence[Mapping[str, Any]], lists: Sequence[str]) -> str | None:
    """The column of the tokens among those of `lists`: one with a usual name, else the first that is none of tags."""
    for usual in USUAL_TOKEN_COLUMNS:
        if (found := next((name for name in lists if name.rpartition(".")[2] == usual), None)) is not None:
            return found
    column = next((name for name in lists if not _holds_tags(rows, name)), None)
    if column is not None:
        logger.warning("Tokens are read from %r (--text_column_name names another).", column)
    return column


def _holds_tags(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    last = plain_name(name.rpartition(".")[2])
    if last in (*USUAL_TAG_COLUMNS, *LIST_NAMES):
        return True
    cells = [row.get(name) for row in rows]
    items = [item for cell in cells for item in (as_list(cell) if isinstance(cell, str) else cell) or ()]
    return not all(isinstance(item, str) for item in items) or looks_like_entities(Counter(items))


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """What a row has in a column, or in the one object of a list that a dotted name names a part of."""
    if name in row or (found := list_and_part(name, row)) is None:
        return row.get(name)
    return part_of(row[found[0]], found[1])


def _problem(text: Any) -> str | None:
    if text is None:
        return "there is no text (null)"
    if not isinstance(text, str):
        return f"the text is {text!r}, which is no string"
    if not text.strip():
        return "the text is empty"
    return None if _is_utf8([text]) else "the text is not UTF-8"


def _checked_tokens(tokens: Any) -> Any:
    if isinstance(tokens, str):
        tokens = as_list(tokens) or tokens
    if not isinstance(tokens, list):
        return BadRow(f"the tokens are {tokens!r}, which is no list")
    for position, token in enumerate(tokens):
        if not isinstance(token, str) or not token.strip():
            return BadRow(f"the token at position {position} is {token!r}; it must be more than white space")
    return tokens if _is_utf8(tokens) else BadRow("a token is not UTF-8")


def _is_utf8(texts: Iterable[str]) -> bool:
    try:
        for text in texts:
            text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
