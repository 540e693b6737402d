"""Which columns of a table of labelled texts are the texts and the labels, and what they hold row by row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cells import is_empty, says_nothing
from .columns import Candidates, decided_column, label_columns, sample_columns, text_columns, zero_one_columns
from .label_forms import is_no_label
from .places import place_of_row
from .sources import comma_separated, require_column, text_cells


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "LabelledColumns",
    "find_labels",
    "find_texts",
    "has_labels",
    "is_unlabelled",
    "joined_texts",
    "say_columns",
    "with_one_label_column",
]

logger = logging.getLogger(__name__)

# So many columns of 0 and 1 are the labels where no column is called so; of two, one may be something else.
LEAST_LABEL_COLUMNS = 3
# Datasets of the Hub whose labels are a secret have this one in every row of the test split.
HIDDEN_LABEL = -1


@dataclass(frozen=True)
class LabelledColumns:
    """Columns that were found.

    Attributes:
        names: One; or several, which are joined if they are texts, and say 0 or 1 of a label each if they are labels.
        given: Whether they were named by a flag.
        others: Those that have a usual name as well and are not read.
    """

    names: list[str]
    given: bool = False
    others: tuple[str, ...] = ()


def find_texts(given: str | None, rows: Dataset, split: str, label_argument: str | None = None) -> LabelledColumns:
    """The columns of the texts.

    Args:
        given: What `text_column_names` names; None: they are found (`hf_rnn.data.readers.columns.text_columns`).
        rows: Those of the split that decides.
        split: What it is called.
        label_argument: What `label_column_name` names, which is no text.

    Raises:
        ValueError: there is no column of a given name, or none is found.
    """
    named = comma_separated(given, "text_column_names")
    if named is not None:
        for column in named:
            require_column(column, "text_column_names", split, rows)
        return LabelledColumns(named, given=True)
    sample = sample_columns(rows)
    taken = [] if label_argument is None else _named_labels(label_argument, rows)
    found = text_columns(sample, taken)
    column = decided_column(found, "the texts", "text_column_names", split, rows)
    return LabelledColumns([column], others=tuple(found.names[1:]))


def find_labels(given: str | None, rows: Dataset, split: str, texts: Sequence[str]) -> LabelledColumns:
    """The column of the labels, or the columns that say 0 or 1 of a label each.

    Args:
        given: What `label_column_name` names; None: they are found (`hf_rnn.data.readers.columns.label_columns`).
        rows: Those of the split that decides.
        split: What it is called.
        texts: The columns of the texts.

    Raises:
        ValueError: there is no column of a given name, one is a text as well, or none is found.
    """
    if given is not None:
        named = _named_labels(given, rows)
        for column in named:
            require_column(column, "label_column_name", split, rows)
            if column in texts:
                raise ValueError(f"`label_column_name`={given!r} is also one of `text_column_names`.")
        return LabelledColumns(named, given=True)
    sample = {name: values for name, values in sample_columns(rows).items() if name not in texts}
    found = label_columns(sample)
    marks = zero_one_columns(sample)
    if not found.by_name and len(marks) >= LEAST_LABEL_COLUMNS:
        return LabelledColumns(marks)
    column = decided_column(found, "the labels", "label_column_name", split, rows)
    return LabelledColumns([column], others=_others(found))


def has_labels(given: str | None, rows: Dataset, texts: LabelledColumns, label2id: dict[str, int] | None) -> bool:
    """Whether rows that a trained model is to predict have its labels, which they need not.

    Without a usual name a column counts only if all that it holds are labels of the model: other columns may repeat
    few values, too.
    """
    if given is not None:
        return all(column in rows.column_names for column in _named_labels(given, rows))
    sample = {name: values for name, values in sample_columns(rows).items() if name not in texts.names}
    found = label_columns(sample)
    if found.by_name or len(zero_one_columns(sample)) >= LEAST_LABEL_COLUMNS:
        return True
    known = set(label2id or ())
    return found.certain is not None and {str(value).strip() for value in sample[found.certain]} <= known


def is_unlabelled(rows: Dataset, labels: LabelledColumns) -> bool:
    """Whether the rows of a test split have none of the label columns, or nothing in them."""
    from datasets import ClassLabel

    if not set(labels.names) <= set(rows.column_names):
        return True
    hidden = [name for name in labels.names if isinstance(rows.features[name], ClassLabel)]
    return all(
        is_no_label(value) or (name in hidden and value == HIDDEN_LABEL)
        for name in labels.names
        for value in rows[name]
    )


def say_columns(texts: LabelledColumns, labels: LabelledColumns) -> None:
    """Say in one line which columns are read, unless they were named or are called ``text`` and ``label``."""
    if (texts.given and labels.given) or (texts.names, labels.names) == (["text"], ["label"]):
        return
    several = ", of a label or a number each" if len(labels.names) > 1 else ""
    others = [*texts.others, *labels.others]
    unread = f"; not read, though they have usual names: {', '.join(map(repr, others))}" if others else ""
    logger.warning(
        "Texts are read from %s, labels from %s%s (--text_column_names and --label_column_name name others%s).",
        ", ".join(map(repr, texts.names)),
        ", ".join(map(repr, labels.names)),
        several,
        unread,
    )


def joined_texts(rows: Dataset, columns: Sequence[str], delimiter: str, split: str) -> list[str | None]:
    """The text of each row: what its text columns hold, joined by `delimiter`; None where all of them are empty.

    Raises:
        ValueError: a column is not there, or a cell holds something else than a text; its place is named.
    """
    parts = [text_cells(rows, column, "text_column_names", split) for column in columns]
    filled = (
        [text for text in texts if text is not None and not says_nothing(text)] for texts in zip(*parts, strict=True)
    )
    return [delimiter.join(texts) if texts else None for texts in filled]


def with_one_label_column(rows: Dataset, columns: Sequence[str], split: str, exclusive: bool) -> tuple[Dataset, str]:
    """`rows` with one column of labels in place of several that say 0 or 1 of a label each, and its name.

    The cells of the new column are lists with a value for each of `columns`; or, where labels are `exclusive`, the
    name of the one column that says 1. A cell is null where one of the columns is empty.

    Raises:
        ValueError: labels are `exclusive`, and a row has none or several of them; its place is named.
    """
    name = ",".join(columns)
    if len(columns) == 1 or name in rows.column_names:
        return rows, name
    cells: list[Any] = []
    for row, values in enumerate(zip(*(rows[column][:] for column in columns), strict=True)):
        if any(map(is_empty, values)):
            cells.append(None)
            continue
        written = [str(value).strip() for value in values]
        cells.append(written)
        if exclusive:
            true = [column for column, value in zip(columns, written, strict=True) if value in ("1", "1.0", "True")]
            if len(true) != 1:
                raise ValueError(
                    f"Of the columns {', '.join(map(repr, columns))} of the {split} split {len(true)} are 1 in "
                    f"{place_of_row(rows, row)}; with `problem_type` single_label_classification one must be."
                )
            cells[-1] = true[0]
    return rows.add_column(name, cells), name


def _named_labels(given: str, rows: Dataset) -> list[str]:
    """The columns that `label_column_name` names: one, though its name has a comma, or several."""
    return [given] if given in rows.column_names else comma_separated(given, "label_column_name") or []


def _others(found: Candidates) -> tuple[str, ...]:
    return tuple(found.names[1:]) if found.by_name else ()
