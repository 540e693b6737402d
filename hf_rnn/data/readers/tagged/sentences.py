"""A sentence as it was read, and the table that the sentences of a split are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..places import PLACE_COLUMN, place_of_row


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["LINES_COLUMN", "TAGS", "TOKENS", "Sentence", "as_rows", "place_of_token"]

TOKENS, TAGS = "tokens", "ner_tags"
# The line of each token, of files that have one on each; what `as_rows` makes has this column.
LINES_COLUMN = "__lines__"


@dataclass(frozen=True)
class Sentence:
    """Attributes:
    tokens: Its words.
    tags: One for each; None where there are none.
    place: Where it stands, such as "a.conll, line 3".
    lines: The line of each token, from 1, where each has its own.
    """

    tokens: list[str]
    tags: list[str] | None
    place: str
    lines: tuple[int, ...] = ()


def as_rows(sentences: Sequence[Sentence]) -> Dataset:
    """The columns ``tokens`` and, where there are any, ``ner_tags``, lists of strings; and hidden ones that say where
    each stands.
    """
    import pyarrow as pa
    from datasets import Dataset
    from datasets.table import InMemoryTable

    strings = pa.list_(pa.string())
    columns: dict[str, Any] = {TOKENS: pa.array([sentence.tokens for sentence in sentences], strings)}
    if sentences and sentences[0].tags is not None:
        columns[TAGS] = pa.array([sentence.tags for sentence in sentences], strings)
    columns[PLACE_COLUMN] = pa.array([sentence.place for sentence in sentences], pa.string())
    columns[LINES_COLUMN] = pa.array([list(sentence.lines) for sentence in sentences], pa.list_(pa.int64()))
    return Dataset(InMemoryTable(pa.table(columns)))


def place_of_token(rows: Dataset, row: int, position: int | None = None) -> str:
    """Name in a message a sentence or, given a `position`, a token of it: its file and line, if they are known."""
    place = place_of_row(rows, row)
    if position is None:
        return place
    if LINES_COLUMN in rows.column_names and rows[row][LINES_COLUMN]:
        return f"{place.rpartition('line ')[0]}line {rows[row][LINES_COLUMN][position]}"
    return f"{place}, position {position}"
