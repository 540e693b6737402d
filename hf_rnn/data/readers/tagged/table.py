"""The tokens and the tags in a table: of a sentence a row, as lists or texts, or of a token a row."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..columns import described_columns
from ..places import data_columns
from ..sources import require_column
from .cells import list_reader
from .layout import TAG_NAMES, TOKEN_NAMES
from .recognition import looks_like_entities
from .sentences import LINES_COLUMN, TAGS, TOKENS, place_of_token


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "LIST_NAMES",
    "SENTENCE_NAMES",
    "USUAL_TAG_COLUMNS",
    "USUAL_TOKEN_COLUMNS",
    "TableColumns",
    "TableRequest",
    "TaggedTable",
    "find_columns",
    "is_one_word",
    "plain_name",
    "read_table",
]

logger = logging.getLogger(__name__)

# Found in this order when the columns are not named; before the latter comes "<task_name>_tags".
USUAL_TOKEN_COLUMNS = ("tokens", "words")
USUAL_TAG_COLUMNS = ("tags", "labels")
# Names in small letters, without "#" at the end.
TEXT_NAMES = (*TOKEN_NAMES, "sentence", "sentences", "texto", "frase", "sentença", "sentenca", "content")
LIST_NAMES = (*TAG_NAMES, "word_labels", "bio_tags", "iob_tags", "labels_str", "etiqueta", "etiquetas", "rótulos")
SENTENCE_NAMES = (
    *("sentence", "sentence_id", "sent_id", "sentence_idx", "sentence_no", "sentence_num", "sentence_number", "sent"),
    *("sid", "sentid", "sentença", "sentenca", "id_sentenca", "frase", "sentence id", "sentence number"),
)
# Rows that are looked at to find a column by what it holds.
HEAD = 1000


@dataclass(frozen=True)
class TableRequest:
    """The names that the user gives for the columns of tokens, of tags and of the sentences' numbers; and the task."""

    tokens: str | None = None
    tags: str | None = None
    sentences: str | None = None
    task: str = "ner"
    tagged: bool = True


@dataclass(frozen=True)
class TableColumns:
    """The names of the columns; `sentences` of a table with a token a row alone."""

    tokens: str
    tags: str | None
    sentences: str | None
    token_a_row: bool


@dataclass(frozen=True)
class TaggedTable:
    """The sentences of a split, not checked yet.

    Attributes:
        tokens, tags: Of each sentence; what should be lists of strings, or of class numbers.
        columns: Where they were read from.
        split: Whose they are.
        place_in_file: Says where a sentence stands, or given a position one of its tokens.
    """

    tokens: list[Any]
    tags: list[Any]
    columns: TableColumns
    split: str
    place_in_file: Callable[[int, int | None], str]

    def place(self, row: int, position: int | None = None, *, of_tokens: bool = False) -> str:
        """The column, the split, and where in it a sentence or a token stands, as a message begins."""
        column = self.columns.tokens if of_tokens or self.columns.tags is None else self.columns.tags
        return f"Column `{column}` of the {self.split} split, {self.place_in_file(row, position)}"


def find_columns(rows: Dataset, request: TableRequest, split: str) -> TableColumns:
    """The columns of `rows`: those that are named, else those with a usual name, else by what they hold.

    Raises:
        ValueError: there is no such column, or none is found.
    """
    if LINES_COLUMN in rows.column_names:
        # Not a table, but sentences that a reader has made.
        return TableColumns(TOKENS, TAGS if request.tagged else None, None, False)
    tags = _tag_column(rows, request, split) if request.tagged else _named_tags(rows, request)
    tokens = _token_column(rows, request, tags, split)
    for argument, column in (("text_column_name", tokens), ("label_column_name", tags if request.tagged else None)):
        if column is not None:
            require_column(column, argument, split, rows)
    if request.sentences is not None:
        require_column(request.sentences, "sentence_column", split, rows)
    named_too = [tokens, *([tags] if request.tagged and tags is not None else [])]
    token_a_row = request.sentences is not None or all(
        _is_text(rows.features[name]) and all(map(is_one_word, rows[name][:])) for name in named_too
    )
    if not token_a_row:
        return TableColumns(tokens, tags if request.tagged else None, None, False)
    named = [name for name in data_columns(rows) if plain_name(name) in SENTENCE_NAMES and name not in (tokens, tags)]
    named.sort(key=lambda name: SENTENCE_NAMES.index(plain_name(name)))
    sentences = request.sentences or (named[0] if named else None)
    if request.sentences is None and sentences is not None:
        logger.warning(
            "Each row is a token: %r, its tag: %r, its sentence: %r; --token_column, --tag_column and "
            "--sentence_column name others.",
            *(tokens, tags, sentences),
        )
    return TableColumns(tokens, tags if request.tagged else None, sentences, True)


def read_table(rows: Dataset, columns: TableColumns, split: str) -> TaggedTable:
    """The sentences of a split.

    Raises:
        ValueError: it has no such column, a cell is no list, or nothing says where a sentence ends.
    """
    require_column(columns.tokens, "text_column_name", split, rows)
    if columns.tags is not None:
        require_column(columns.tags, "label_column_name", split, rows)
    if columns.token_a_row:
        return _of_rows(rows, columns, split)
    tokens = _lists(rows, columns.tokens, split, of_tags=False)
    tags = [] if columns.tags is None else _lists(rows, columns.tags, split, of_tags=True)
    return TaggedTable(tokens, tags, columns, split, lambda row, position: place_of_token(rows, row, position))


def _lists(rows: Dataset, column: str, split: str, *, of_tags: bool) -> list[Any]:
    cells = rows[column][:]
    read = list_reader(cells, of_tags=of_tags)
    lists = []
    for row, cell in enumerate(cells):
        try:
            found = read(cell)
            if not isinstance(found, list):
                raise ValueError(f"expected a list, found {cell!r}")
        except ValueError as error:
            place = f"Column `{column}` of the {split} split, {place_of_token(rows, row)}"
            raise ValueError(f"{place}: {error}.") from error
        lists.append(found)
    return lists


def _of_rows(rows: Dataset, columns: TableColumns, split: str) -> TaggedTable:
    """Sentences of a table with a token a row: a new one begins where their column has another value. An empty cell
    there stands for the value above it."""
    tokens, tags = rows[columns.tokens][:], None if columns.tags is None else rows[columns.tags][:]
    if columns.sentences is not None:
        require_column(columns.sentences, "sentence_column", split, rows)
    numbers = [None] * len(tokens) if columns.sentences is None else rows[columns.sentences][:]
    groups: list[list[int]] = []
    current: Any = None
    ended = True
    for row, (token, number) in enumerate(zip(tokens, numbers, strict=True)):
        if _is_empty(token) and (tags is None or _is_empty(tags[row])):
            # An empty row between two sentences.
            ended |= columns.sentences is None
            continue
        if ended or (not _is_empty(number) and number != current):
            groups.append([])
            ended = False
        current = current if _is_empty(number) else number
        groups[-1].append(row)
    if columns.sentences is None and len(groups) < 2:
        raise ValueError(
            f"Each row of the {split} split is a token, and nothing says where a sentence ends: name the column that "
            "numbers the sentences with `sentence_column`, or put a blank line after each. The columns are "
            f"{described_columns(rows)}."
        )

    def place(row: int, position: int | None) -> str:
        return place_of_token(rows, groups[row][position or 0])

    return TaggedTable(
        [[tokens[row] for row in group] for group in groups],
        [] if tags is None else [[tags[row] for row in group] for group in groups],
        columns,
        split,
        place,
    )


def _tag_column(rows: Dataset, request: TableRequest, split: str) -> str:
    found = _named_tags(rows, request) or _tags_by_content(rows, request)
    if found is not None:
        return found
    usual = (f"{request.task}_tags", *USUAL_TAG_COLUMNS)
    raise ValueError(
        f"Give `label_column_name`: the {split} split has no column {' or '.join(usual)}; its columns are "
        f"{described_columns(rows)}."
    )


def _named_tags(rows: Dataset, request: TableRequest) -> str | None:
    if request.tags is not None:
        return request.tags
    names = data_columns(rows)
    task = request.task
    for name in (f"{task}_tags", *USUAL_TAG_COLUMNS):
        if name in names:
            return name
    others = [name for name in LIST_NAMES if task == "ner" or not name.startswith(("ner", "entity", "bio", "iob"))]
    return _with_name(names, (f"{task}_tags", f"{task}_tag", task, *others), but=request.tokens)


def _tags_by_content(rows: Dataset, request: TableRequest) -> str | None:
    """The only column of tags of entities."""
    if request.task != "ner":
        return None
    found = [
        name
        for name in data_columns(rows)
        if name != request.tokens and looks_like_entities(_tag_counts(rows[:HEAD][name]))
    ]
    if len(found) != 1:
        return None
    logger.warning("The tags are taken from column %r, as they look; --label_column_name names another.", found[0])
    return found[0]


def _tag_counts(cells: Sequence[Any]) -> Counter[str]:
    read = list_reader(cells, of_tags=True)
    try:
        lists = [read(cell) for cell in cells]
    except ValueError:
        return Counter()
    if not all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in lists):
        return Counter()
    return Counter(item for items in lists for item in items)


def _token_column(rows: Dataset, request: TableRequest, tags: str | None, split: str) -> str:
    if tags is not None and request.tokens == tags:
        raise ValueError(f"`text_column_name`={tags!r} is also the column of the tags.")
    if request.tokens is not None:
        return request.tokens
    names = [name for name in data_columns(rows) if name not in (tags, request.sentences)]
    features = {name: rows.features[name] for name in names}
    for name in (
        *USUAL_TOKEN_COLUMNS,
        *(name for name in names if _is_text(getattr(features[name], "feature", None))),
    ):
        if name in names:
            return name
    texts = [name for name in names if _is_text(features[name])]
    found = _with_name(texts, TEXT_NAMES) if tags is not None else None
    if found is not None:
        return found
    besides = "" if tags is None else f" besides {tags!r}"
    raise ValueError(
        f"Give `text_column_name`: the {split} split has no column of lists of strings{besides}; its columns are "
        f"{described_columns(rows)}."
    )


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string")


def plain_name(name: str) -> str:
    """A name in small letters, without what stands at the end of "Sentence #"."""
    return name.casefold().rstrip(" #._").strip()


def _with_name(names: Sequence[str], wanted: Sequence[str], but: str | None = None) -> str | None:
    plain = {plain_name(name): name for name in reversed(names) if name != but}
    return next((plain[name] for name in wanted if name in plain), None)


def is_one_word(cell: Any) -> bool:
    """Whether a cell may be a token: a text without white space, or nothing."""
    return cell is None or (isinstance(cell, str) and len(cell.split()) <= 1 and not cell.startswith("["))


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
