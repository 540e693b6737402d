"""Finding the columns of a table, by their names or by what they hold, and showing them to whoever has to name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .cells import as_list, as_number, is_empty, is_moment, is_number
from .column_names import LABEL_NAMES, TEXT_NAMES, is_index_name, is_time_name, usual_columns
from .places import data_columns
from .tables.object_lists import parts_in_lists


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "Candidates",
    "class_columns",
    "decided_column",
    "described_columns",
    "holds_texts",
    "is_free_text",
    "is_of_times",
    "label_columns",
    "mean_words",
    "sample_columns",
    "sample_value",
    "text_columns",
    "zero_one_columns",
]

# A value is shown up to here.
SAMPLE_CHARACTERS = 30
# A table of more columns is shown by its first ones.
SHOWN_COLUMNS = 20
# So many rows, evenly spaced because many files are sorted by class, tell what a column holds.
SAMPLE_ROWS = 1000
# A column of more different values is none of classes, unless it is called so.
MOST_CLASSES = 200
# A column of texts is longer than any other by this factor, where its name does not tell.
LONGER = 2.0

Columns = Mapping[str, Sequence[Any]]


def described_columns(rows: Dataset) -> str:
    """Every column with a value of it, ``'review' ('a fine film'), 'stars' ('4')``, and the parts of its lists."""
    names = data_columns(rows)
    shown = ", ".join(f"{name!r} ({sample_value(rows[:100][name])})" for name in names[:SHOWN_COLUMNS])
    more = len(names) - SHOWN_COLUMNS
    listed = f"{shown} and {more} more" if more > 0 else shown
    return listed + parts_in_lists({name: rows[:100][name] for name in names})


def sample_columns(rows: Dataset) -> dict[str, list[Any]]:
    """Each column of the file with the values of at most `SAMPLE_ROWS` evenly spaced rows."""
    stride = max(1, -(-len(rows) // SAMPLE_ROWS))
    sample = rows.select(range(0, len(rows), stride))
    return {name: sample[name][:] for name in data_columns(rows)}


class Candidates(NamedTuple):
    """The columns that something may stand in.

    Attributes:
        names: The likeliest first.
        by_name: Whether they have usual names, of which the first is preferred; else they are alike in what they hold,
            and only a single one is certain.
    """

    names: list[str]
    by_name: bool

    @property
    def certain(self) -> str | None:
        """The column that is taken; None where a person has to say which."""
        return self.names[0] if self.names and (self.by_name or len(self.names) == 1) else None


def decided_column(found: Candidates, what: str, argument: str, split: str, rows: Dataset) -> str:
    """The column of `what`, such as "the texts".

    Raises:
        ValueError: `found` does not single one out; the message asks for `argument` and lists the columns of `rows`.
    """
    if found.certain is not None:
        return found.certain
    several = f"{', '.join(map(repr, found.names))} may all be" if found.names else "no column looks like"
    raise ValueError(
        f"Give `{argument}`: in the {split} split {several} {what}, and none has a usual name; its columns are "
        f"{described_columns(rows)}."
    )


def text_columns(columns: Columns, taken: Sequence[str] = (), usual: Sequence[str] = TEXT_NAMES) -> Candidates:
    """The columns that may be the texts, the likeliest first.

    Those with a usual name that hold texts come in the order of `usual`, without those of few, short values where
    another column holds free texts: a survey's ``Opinion`` may be its label. Where there is none, the one column
    counts whose texts are long: nearly all of its values differ, most of their characters are letters, and they are
    `LONGER` times as long as those of any other such column. Where that singles none out, all of them are given.

    Args:
        columns: Name → values, of a sample of the rows (see `sample_columns`).
        taken: Columns that are something else, such as the labels.
        usual: The usual names, the most usual first.
    """
    columns = {name: values for name, values in columns.items() if name not in taken}
    named = [name for name in usual_columns(columns, usual) if holds_texts(columns[name])]
    named = _without_classes(named, columns)
    # A column that is empty in most rows, such as one of remarks, comes after all others.
    named.sort(key=lambda name: sum(map(is_empty, columns[name])) > len(columns[name]) / 2)
    if named:
        return Candidates(named, by_name=True)
    texts = [name for name in columns if not is_index_name(name) and holds_texts(columns[name])]
    labels = [name for name in usual_columns(texts, LABEL_NAMES) if not is_free_text(columns[name])]
    labels += _list_columns({name: columns[name] for name in texts})
    texts = [name for name in texts if name not in labels]
    # A column that repeats its values names classes, unless there is no other.
    texts = [name for name in texts if not _repeats(columns[name])] or texts
    # Addresses and names of users are long, too, and have one word.
    texts = [name for name in texts if mean_words(columns[name]) >= 2] or texts
    if not texts:
        # Texts of nothing but numbers, or none at all, are for the reader to judge.
        strings = [name for name in columns if all(isinstance(one, str) or is_empty(one) for one in columns[name])]
        return Candidates(usual_columns(strings, usual), by_name=True)
    lengths = {name: _mean(columns[name], len) for name in texts}
    longest = sorted(texts, key=lambda name: -lengths[name])
    if len(longest) > 1 and lengths[longest[0]] >= LONGER * lengths[longest[1]]:
        return Candidates(longest[:1], by_name=False)
    return Candidates(longest, by_name=False)


def label_columns(columns: Columns, taken: Sequence[str] = (), usual: Sequence[str] = LABEL_NAMES) -> Candidates:
    """The columns that may be the labels, the likeliest first: those with a usual name that are neither free text nor
    the same in every row. Where there is none: all that repeat few different values (`class_columns`), or else all of
    lists, or else all of numbers with decimals.

    Args:
        columns: Name → values, of a sample of the rows (see `sample_columns`).
        taken: Columns that are something else, such as the texts.
        usual: The usual names, the most usual first.
    """
    left = {name: values for name, values in columns.items() if name not in taken}
    named = usual_columns(left, usual)
    fitting = [name for name in named if not is_free_text(left[name]) and len(_different(left[name])) > 1]
    if named:
        return Candidates(fitting or named, by_name=True)
    return Candidates(class_columns(left) or _list_columns(left) or _decimal_columns(left), by_name=False)


def class_columns(columns: Columns) -> list[str]:
    """The columns of at least two and at most `MOST_CLASSES` different values, each in two rows on average or more,
    which are neither numbers of the rows nor times.
    """
    return [
        name
        for name, values in columns.items()
        if not is_index_name(name) and _is_of_few(values) and not is_of_times(name, values)
    ]


def is_of_times(name: str, values: Sequence[Any]) -> bool:
    """Whether most values of a column are dates or times; under a name of such, numbers are, too."""
    filled = [value for value in values if not is_empty(value)]
    by_name = is_time_name(name)
    found = sum(is_moment(value) or (by_name and is_number(value)) for value in filled)
    return bool(filled) and 2 * found > len(filled)


def zero_one_columns(columns: Columns) -> list[str]:
    """The columns that hold 0 and 1 alone, as numbers, as text or as booleans, and no more than that."""
    allowed = ({"0", "1"}, {"0.0", "1.0"}, {"false", "true"})
    return [
        name
        for name, values in columns.items()
        if not is_index_name(name)
        and (found := {value.casefold() for value in _different(values)})
        and any(found <= pair for pair in allowed)
    ]


def _list_columns(columns: Columns) -> list[str]:
    return [
        name
        for name, values in columns.items()
        if any(not is_empty(value) for value in values)
        and all(isinstance(value, list) or is_empty(value) or as_list(str(value)) is not None for value in values)
    ]


def _decimal_columns(columns: Columns) -> list[str]:
    numbers = {name: [as_number(value) for value in values if not is_empty(value)] for name, values in columns.items()}
    return [
        name
        for name, values in numbers.items()
        if not is_index_name(name) and None not in values and any(value is not None and value % 1 for value in values)
    ]


def _without_classes(names: list[str], columns: Columns) -> list[str]:
    """The `names` without the columns that repeat few values and are shorter, by `LONGER`, than one of free texts."""
    lengths = [
        _mean(values, len) for name, values in columns.items() if not is_index_name(name) and is_free_text(values)
    ]
    longest = max(lengths, default=0.0)
    return [name for name in names if not _is_of_few(columns[name]) or LONGER * _mean(columns[name], len) > longest]


def is_free_text(values: Sequence[Any]) -> bool:
    """Whether most of the values differ and are of several words, or there are none at all."""
    filled = [value for value in values if not is_empty(value)]
    return not filled or (holds_texts(filled) and not _repeats(filled) and mean_words(filled) >= 3)


def sample_value(values: Sequence[Any]) -> str:
    """The first of `values` that says something, as a message shows it."""
    shown = repr(next((value for value in values if value not in (None, "")), None))
    return shown if len(shown) <= SAMPLE_CHARACTERS else f"{shown[:SAMPLE_CHARACTERS]}…"


def holds_texts(values: Sequence[Any]) -> bool:
    """Whether most values are strings, not numbers, and made of letters for the most part."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    filled = sum(not is_empty(value) for value in values)
    if not texts or 2 * len(texts) < filled or all(map(is_number, texts)):
        return False
    marks = [mark for text in texts for mark in text if not mark.isspace()]
    return sum(map(str.isalpha, marks)) >= len(marks) / 2


def _different(values: Sequence[Any]) -> set[str]:
    return {str(value).strip() for value in values if not is_empty(value)}


def _is_of_few(values: Sequence[Any]) -> bool:
    """Whether a column has at least two and at most `MOST_CLASSES` values, each in two rows on average or more."""
    return _repeats(values) and 2 <= len(_different(values)) <= MOST_CLASSES


def _repeats(values: Sequence[Any]) -> bool:
    filled = sum(not is_empty(value) for value in values)
    return 2 * len(_different(values)) <= filled


def mean_words(values: Sequence[Any]) -> float:
    """The mean number of words of the values that are not empty."""
    return _mean(values, lambda text: len(text.split()))


def _mean(values: Sequence[Any], measure: Any) -> float:
    filled = [str(value).strip() for value in values if not is_empty(value)]
    return sum(map(measure, filled)) / max(1, len(filled))
