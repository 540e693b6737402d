"""Which column of a file in columns holds the tokens, and which the tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .lines import Block, Cells, find_cells, rows_for_sure, without_first_row
from .recognition import find_spelling, looks_like_entities
from .spelling import Spelling


__all__ = ["CONLLU_COLUMNS", "ColumnRequest", "Layout", "find_layout"]

CONLLU_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
# Names in a header, in small letters; in the order in which they are preferred.
TOKEN_NAMES = ("token", "tokens", "word", "words", "form", "text", "palavra", "palavras")
TAG_NAMES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "iob", "bio", "entity", "upos", "pos")
# "# global.columns = ID FORM UPOS" of CoNLL-U Plus.
_GLOBAL_COLUMNS = re.compile(r"#\s*global\.columns\s*=\s*(.+)", re.IGNORECASE)
_WORD_ID = re.compile(r"\d+(?:[-.]\d+)?")
# A column of tags has few different values: at most so many, or this share of its rows.
FEW_VALUES, FEW_VALUES_SHARE = 60, 0.1
SHOWN_CHARACTERS = 20


@dataclass(frozen=True)
class ColumnRequest:
    """The columns as the user names them.

    Attributes:
        token_column, tag_column: A number, from 0, or from the last backwards if it is negative; or a name, also a key
            of the last column of CoNLL-U. None: found.
        task: Its name is that of a preferred column of tags.
        tagged: Whether there are to be tags.
    """

    token_column: int | str | None = None
    tag_column: int | str | None = None
    task: str = "ner"
    tagged: bool = True


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are read.

    Attributes:
        cells: How a line is cut.
        token, tag: Columns from 0; `tag` is None where there are no tags.
        key: Of the column of the tags, ``KEY=value|…``, the key; None: the whole cell.
        names: Of the columns, in small letters; empty where they have none.
        header: Whether the first row is that of the names.
        has_ids: Whether the first column numbers the words, so that ``1-2`` and ``1.1`` are no words.
        known: Values of the last column, or of that of the tags, by which a row that begins with a hash is told from a
            comment.
        spelling: How they are written, if they are tags of entities.
        is_guess: Whether the file might be meant otherwise, so that it is said what it is taken for.
    """

    cells: Cells
    token: int
    tag: int | None
    key: str | None = None
    names: tuple[str, ...] = ()
    header: bool = False
    has_ids: bool = False
    known: frozenset[str] = field(default=frozenset(), repr=False)
    spelling: Spelling | None = None
    is_guess: bool = False

    def is_row(self, text: str) -> bool:
        """Whether a line that begins a sentence with a hash is a row, and no comment."""
        cells = self.cells.cut(text)
        if len(cells) != self.cells.width:
            return False
        checked = cells[-1 if self.tag is None else self.tag]
        is_tag = checked in self.known or (self.knows_tags and bool(self.spelling and self.spelling.parts(checked)))
        return len(cells) == 1 or is_tag or (self.cells.name == "tabs" and " " not in cells[0])

    @property
    def knows_tags(self) -> bool:
        """Whether a tag that is not among the `known` ones is one for sure, by its letter."""
        return self.spelling is not None and self.spelling.order != "type"

    def tag_of(self, cells: Sequence[str]) -> str:
        """The tag of a row; ``O`` where `key` is not in its cell."""
        assert self.tag is not None
        return cells[self.tag] if self.key is None else _keyed(cells[self.tag]).get(self.key.casefold(), "O")


def find_layout(
    blocks: Sequence[Block], path: str, request: ColumnRequest, like: Layout | None = None
) -> Layout | None:
    """How the file `path` is read, found from `blocks` of it; None where they have no row.

    The tokens are in the first column, or in the second where the first numbers the words. The tags are in the last
    column that looks like tags of entities, if there is one; otherwise in the last, if that may be tags of any kind.

    Args:
        blocks: The lines of its sentences.
        path: What errors call it.
        request: What the user says of the columns.
        like: How the file of the training split is read, as which this is where it has as many columns.

    Raises:
        ValueError: there is no such column as was asked for, both are the same, or none can be told to be the tags.
    """
    cells = find_cells(blocks)
    if cells is None:
        return None
    rows = [[cells.cut(line.text) for line in rows_for_sure(block)] for block in blocks]
    whole = [[row for row in block if len(row) == cells.width] for block in rows]
    names, header = _names(blocks, whole, request)
    if header:
        rows = [[cells.cut(line.text) for line in rows_for_sure(block)] for block in without_first_row(blocks)]
        whole = [[row for row in block if len(row) == cells.width] for block in rows]
    columns = list(zip(*(row for block in whole for row in block), strict=True)) or [()] * cells.width
    has_ids = cells.width > (2 if request.tagged else 1) and _numbers_words(whole)
    if cells.width == len(CONLLU_COLUMNS) and has_ids and not names:
        names = CONLLU_COLUMNS
    if like is not None and like.cells.width == cells.width and not header:
        token, tag, key, is_guess = like.token, like.tag, like.key, False
    else:
        chooser = _Chooser(path, request, columns, names, has_ids)
        token = chooser.token()
        tag, key, is_guess = chooser.tag(token) if request.tagged else (None, None, False)
    counts = Counter(columns[-1 if tag is None else tag])
    return Layout(
        cells, token, tag, key, names, header, has_ids, frozenset(counts), find_spelling(counts), is_guess=is_guess
    )


def _names(
    blocks: Sequence[Block], rows: Sequence[Sequence[list[str]]], request: ColumnRequest
) -> tuple[tuple[str, ...], bool]:
    """The names of the columns, if they have any, and whether the first row gives them."""
    for line in blocks[0]:
        if (match := _GLOBAL_COLUMNS.match(line.text)) is not None:
            return tuple(name.casefold() for name in match[1].split()), False
    flat = [row for block in rows for row in block]
    if not flat:
        return (), False
    found = tuple(cell.casefold() for cell in flat[0])
    asked = {name.casefold() for name in (request.token_column, request.tag_column) if isinstance(name, str)}
    tags = [index for index, name in enumerate(found) if name in (*_of_task(request.task), *TAG_NAMES)]
    is_usual = any(name in TOKEN_NAMES for name in found) and any(
        all(row[index] != flat[0][index] for row in flat[1:]) for index in tags
    )
    is_header = len(set(found)) == len(found) > 1 and (is_usual or bool(asked & {*found}))
    return (found, True) if is_header else ((), False)


def _of_task(task: str) -> tuple[str, ...]:
    return task, f"{task}_tags", f"{task}_tag"


def _numbers_words(blocks: Sequence[Sequence[Sequence[str]]]) -> bool:
    """Whether the first column counts the words of each sentence."""
    counted = 0
    for rows in blocks:
        if not all(_WORD_ID.fullmatch(row[0]) for row in rows):
            return False
        numbers = [int(row[0]) for row in rows if row[0].isdecimal()]
        if any(second != first + 1 for first, second in pairwise(numbers)):
            return False
        counted = max(counted, len(numbers))
    return counted > 1


def _keyed(cell: str) -> dict[str, str]:
    """``SpaceAfter=No|NER=B-PER`` as a dictionary, its keys in small letters."""
    pairs = (part.partition("=") for part in cell.split("|"))
    return {key.strip().casefold(): value.strip() for key, equals, value in pairs if equals}


@dataclass(frozen=True)
class _Chooser:
    path: str
    request: ColumnRequest
    columns: Sequence[Sequence[str]]
    names: tuple[str, ...]
    has_ids: bool

    def token(self) -> int:
        if self.request.token_column is not None:
            index, key = self._asked("token_column", self.request.token_column)
            if key is not None:
                raise self._no_column("token_column", self.request.token_column)
            return index
        for name in TOKEN_NAMES:
            if name in self.names:
                return self.names.index(name)
        if self.has_ids:
            return 1
        return 1 if len(self.columns) == 2 and self.request.tagged and self._tags_come_first() else 0

    def _tags_come_first(self) -> bool:
        """Whether of two columns the first alone looks like tags of entities."""
        first, second = (looks_like_entities(Counter(column)) for column in self.columns)
        return self.request.tag_column is None and first and not second

    def tag(self, token: int) -> tuple[int, str | None, bool]:
        """The column, the key in it, and whether it is a guess."""
        width = len(self.columns)
        if self.request.tag_column is not None:
            index, key = self._asked("tag_column", self.request.tag_column)
            if index == token:
                given = 0 if self.request.token_column is None else self.request.token_column
                raise ValueError(
                    f"`token_column`={given!r} and `tag_column`={self.request.tag_column!r} are the same of the "
                    f"{width} columns of the file {self.path!r}; they must be two."
                )
            return index, key, False
        if width == 1:
            raise ValueError(
                f"The file {self.path!r} has 1 column: a token and its tag are expected on each line, with a tab "
                "or a space between them, and a blank line after each sentence."
            )
        for name in (*_of_task(self.request.task), *TAG_NAMES):
            if name in self.names and self.names.index(name) != token:
                return self.names.index(name), None, width > 2
        others = [index for index in range(width - 1, -1, -1) if index != token and not (self.has_ids and index == 0)]
        if width == 2:
            return others[0], None, token != 0
        for index in others:
            if looks_like_entities(Counter(self.columns[index])):
                return index, None, True
        likely = [index for index in others if self._may_be_tags(index)]
        if others[0] not in likely and len(likely) != 1:
            raise ValueError(
                f"Give `tag_column`: none of the {width} columns of the file {self.path!r} can be told to be the "
                f"tags; they are {self._described()}."
            )
        return (others[0] if others[0] in likely else likely[0]), None, True

    def _may_be_tags(self, index: int) -> bool:
        values = set(self.columns[index])
        few = len(values) <= max(FEW_VALUES, FEW_VALUES_SHARE * len(self.columns[index]))
        return 1 < len(values) and few and any(character.isalnum() for value in values for character in value)

    def _asked(self, argument: str, column: int | str) -> tuple[int, str | None]:
        width = len(self.columns)
        if isinstance(column, int):
            if not -width <= column < width:
                raise ValueError(
                    f"`{argument}`={column!r} must be from {-width} to {width - 1}: the file {self.path!r} has "
                    f"{width} columns, {self._described()}."
                )
            return column % width, None
        if column.casefold() in self.names:
            return self.names.index(column.casefold()), None
        if "misc" in self.names:
            index = self.names.index("misc")
            if any(column.casefold() in _keyed(cell) for cell in self.columns[index]):
                return index, column
        raise self._no_column(argument, column)

    def _no_column(self, argument: str, column: int | str) -> ValueError:
        known = "names" if self.names else "no names: give a number"
        return ValueError(
            f"`{argument}`={column!r}: the file {self.path!r} has no such column; its columns have {known}: "
            f"{self._described()}."
        )

    def _described(self) -> str:
        """``0 ('EU'), 1 ('NNP')``, with their names where they have any."""
        parts = []
        for index, values in enumerate(self.columns):
            name = f" {self.names[index]}" if index < len(self.names) else ""
            sample = repr(values[0][:SHOWN_CHARACTERS]) if values else "empty"
            parts.append(f"{index}{name} ({sample})")
        return ", ".join(parts)
