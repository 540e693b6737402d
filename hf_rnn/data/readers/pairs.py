"""Pairs of texts with labels 0 and 1, with graded scores, with classes, or alike all of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..batches.triplets import ROW_COLUMN, find_triplets
from .cells import is_empty, says_nothing
from .empty_rows import without_empty_rows
from .files import expand_path, read_rows
from .hold_out import hold_out_and_sample
from .label_warnings import say_far_off
from .pair_columns import PairColumns, are_premises, find_pair_columns, is_score_name
from .pair_labels import KINDS, Kind, PairLabels, find_pair_labels
from .places import place_of_row
from .sources import SourceArguments, comma_separated, leading_split, read_splits, require_column, text_cells


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["PairData", "PairDataArguments", "load_pairs"]

logger = logging.getLogger(__name__)


@dataclass
class PairDataArguments(SourceArguments):
    """The pairs of texts to read."""

    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "Columns of the two texts, separated by a comma; more columns hold texts that are not "
            "like the first. Default: found by their names (question1 and question2, premise and "
            "hypothesis, query and passage, anchor, positive and negative, frase_a and frase_b ...), "
            "or the only two columns of texts."
        },
    )
    label_column_name: str | None = field(
        default=None,
        metadata={
            "help": "Column of labels (1: alike, 0: not), of scores or of classes. Default: found by its "
            "name (label, is_duplicate, score, similarity, entailment_judgment ...), or the only "
            "column like one; where there is none, all pairs are alike."
        },
    )
    label_kind: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of what the label column holds: {', '.join(KINDS)}. Default: labels for 0 and 1 "
            "and words for them, classes for three names or more, scores for other numbers."
        },
    )
    score_range: str | None = field(
        default=None,
        metadata={
            "help": 'Lowest and highest score, such as "0,5"; they are scaled to 0 and 1. Default: the usual '
            "scale of such scores, such as 1 to 5, or else those of the training rows."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        columns = comma_separated(self.text_column_names, "text_column_names")
        if columns is not None and len(columns) < 2:
            raise ValueError(f"`text_column_names`={self.text_column_names!r} must be two columns, of a pair's texts.")
        if self.label_kind not in (None, *KINDS):
            raise ValueError(f"`label_kind`={self.label_kind!r} must be one of {', '.join(KINDS)}.")
        self.bounds()

    def bounds(self) -> tuple[float, float] | None:
        """`score_range` as two numbers.

        Raises:
            ValueError: it is not two numbers, or the first is not below the second.
        """
        if self.score_range is None:
            return None
        try:
            low, high = map(float, self.score_range.split(","))
        except ValueError as error:
            raise ValueError(f'`score_range`={self.score_range!r} must be two numbers, as "0,5".') from error
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"`score_range`={self.score_range!r} must be two finite numbers, the lower one first.")
        return low, high


@dataclass(frozen=True)
class PairData:
    """Pairs ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``text``,
            ``text_b`` (string) and ``label`` (float32; of classes a ClassLabel).
        kind: ``"labels"``: 1 for texts that are alike and 0 for others; ``"scores"``: the more alike, the higher, from
            0 to 1; ``"classes"``: one of three or more, such as what follows from what; ``"positives"``: 1 for all.
        dataset_name: The Hub id, or the training file as it was given.
        label_names: The classes in the order of their ids; None for other kinds.
        triplets: Of rows of an anchor, a positive and negatives each with each negative: the splits that have any,
            with the columns ``text``, ``text_b`` (the positive), ``text_c`` (the negative) and ``label``, 1. None for
            other rows.
    """

    splits: DatasetDict
    kind: Kind
    dataset_name: str
    label_names: list[str] | None = None
    triplets: DatasetDict | None = None


def load_pairs(arguments: PairDataArguments, class_names: Sequence[str] | None = None) -> PairData:
    """Read, check and split pairs of texts.

    The columns are found by `pair_columns.find_pair_columns`, what the labels are by `pair_labels.find_pair_labels`;
    a line says each. Rows of an anchor, a positive and negatives become a pair with the label 1 and others with 0, and
    the triplets are kept beside them.
    Rows without a text or a label are left out, as `empty_rows` says. How rows are held out and sampled:
    `hf_rnn.data.readers.hold_out.hold_out_and_sample`.

    Args:
        class_names: The classes of a trained model in the order of their ids. Without a training split the labels must
            be of these; with one they are, unless it has others.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, labels that nothing can be made of, a
            score out of its range, a split without both labels or of one score, an empty split, or one that is both
            given and to be held out.
    """
    from datasets import ClassLabel, DatasetDict, Features, Value

    raw = read_splits(arguments, lambda path: _read(path, arguments))
    leading = leading_split(raw)
    columns = find_pair_columns(arguments.text_column_names, arguments.label_column_name, raw[leading], leading)
    labels = _labels(arguments, columns, raw[leading], leading, class_names)
    of_classes = labels.kind == "classes"
    label = ClassLabel(names=list(labels.names)) if of_classes else Value("float32")
    features = Features({"text": Value("string"), "text_b": Value("string"), "label": label})
    if columns.negatives:
        features[ROW_COLUMN] = Value("int64")
    splits = {
        split: _pairs(_filled(rows, columns, labels, arguments, split), columns, labels, features, split)
        for split, rows in raw.items()
    }
    splits = hold_out_and_sample(splits, arguments)
    if labels.kind in ("labels", "scores"):
        for split, rows in splits.items():
            _require_both(rows, columns, split)
    triplets = None
    if columns.negatives:
        triplets = DatasetDict(find_triplets(splits))
        splits = {split: rows.remove_columns(ROW_COLUMN) for split, rows in splits.items()}
    return PairData(
        DatasetDict(splits),
        labels.kind,
        arguments.dataset_name or str(arguments.train_file or arguments.test_file),
        list(labels.names) if of_classes else None,
        triplets,
    )


def _read(path: str, arguments: PairDataArguments) -> Dataset:
    if expand_path(path).suffix.lower() == ".xml":
        raise ValueError(
            f"The file {path!r} is XML, which is not read. Write it as csv with one row a pair, and the columns "
            "text1, text2 and label (1, 0, a score, or the name of a class)."
        )
    return read_rows(path, arguments)


def _labels(
    arguments: PairDataArguments,
    columns: PairColumns,
    rows: Dataset,
    split: str,
    class_names: Sequence[str] | None,
) -> PairLabels:
    if columns.label is None:
        if arguments.label_kind is not None or arguments.score_range is not None:
            given = "label_kind" if arguments.label_kind is not None else "score_range"
            raise ValueError(
                f"`{given}`={getattr(arguments, given)!r} was given, and no column of labels is found; give "
                "`label_column_name`."
            )
        return PairLabels("labels" if columns.negatives else "positives")
    cells = _cells(rows, columns.label)
    # Of classes "-" is no label; "-1" is a label of other kinds.
    filled = [cell for cell in cells if not PairLabels("labels").lacks_label(cell)]
    if not filled:
        raise ValueError(f"Column `{columns.label}` of the {split} split is empty; `label_column_name` names another.")
    by_name = not is_score_name(columns.label)
    found = find_pair_labels(
        filled,
        columns.label,
        split,
        kind=arguments.label_kind,
        bounds=arguments.bounds(),
        ids_are_classes=by_name and (are_premises(columns) or _are_ids(filled)),
        known=class_names,
        must_fit=split != "train",
    )
    if found.remark is not None:
        logger.warning("Labels of column %r: %s.", columns.label, found.remark)
    if found.kind == "scores" and arguments.score_range is None:
        low, high = found.bounds
        values = {row: found.value(cell) for row, cell in enumerate(cells)}
        numbers = {row: low + (high - low) * value for row, value in values.items() if value is not None}
        advice = "it sets the scale of all scores. Correct such rows, or leave them out."
        say_far_off(rows, columns.label, numbers, advice)
    return found


def _are_ids(cells: Sequence[Any]) -> bool:
    """Whether labels are 0, 1 and 2, all of them: the ids that corpora of inference give to their classes."""
    return {"0", "1", "2"} <= {str(cell).strip() for cell in cells}


def _cells(rows: Dataset, column: str) -> list[Any]:
    """The values of a column; those of a ClassLabel as names, None where it has no label (-1)."""
    from datasets import ClassLabel

    feature = rows.features[column]
    if isinstance(feature, ClassLabel):
        return [feature.names[cell] if cell is not None and cell >= 0 else None for cell in rows[column]]
    return list(rows[column])


def _filled(
    rows: Dataset, columns: PairColumns, labels: PairLabels, arguments: PairDataArguments, split: str
) -> Dataset:
    """The rows that have their texts and a label."""
    texts = [text_cells(rows, column, "text_column_names", split) for column in (columns.first, columns.second)]
    lacking: list[str | None] = ["text" if any(map(says_nothing, pair)) else None for pair in zip(*texts, strict=True)]
    if columns.label is not None:
        require_column(columns.label, "label_column_name", split, rows)
        for row, cell in enumerate(_cells(rows, columns.label)):
            if lacking[row] is None and labels.lacks_label(cell):
                lacking[row] = "label"
    return without_empty_rows(rows, split, lacking, arguments.empty_rows)


def _pairs(rows: Dataset, columns: PairColumns, labels: PairLabels, features: Any, split: str) -> Dataset:
    """The pairs with the labels that a model takes."""
    from datasets import Dataset

    first, second = (list(rows[name]) for name in (columns.first, columns.second))
    values: list[float] = [1.0] * len(rows)
    if columns.label is not None:
        values = [
            _value(rows, row, cell, columns.label, labels, split)
            for row, cell in enumerate(_cells(rows, columns.label))
        ]
    numbers = list(range(len(rows)))
    for column in columns.negatives:
        negatives = text_cells(rows, column, "text_column_names", split)
        others = [(row, other) for row, other in enumerate(negatives) if not is_empty(other)]
        first += [first[row] for row, _ in others]
        second += [other for _, other in others]
        values += [0.0] * len(others)
        numbers += [row for row, _ in others]
    given = [int(value) for value in values] if labels.kind == "classes" else values
    named: dict[str, Any] = {"text": first, "text_b": second, "label": given}
    if columns.negatives:
        named[ROW_COLUMN] = numbers
    return Dataset.from_dict(named, features=features)


def _value(rows: Dataset, row: int, cell: Any, column: str, labels: PairLabels, split: str) -> float:
    value = labels.value(cell)
    if value is None:
        raise ValueError(
            f"Column `{column}` of the {split} split has the value {cell!r} in {place_of_row(rows, row)}; it must be "
            f"{labels.allowed}."
        )
    return value


def _require_both(rows: Dataset, columns: PairColumns, split: str) -> None:
    """Raise a ValueError unless the pairs of a split differ in their labels: no figure of them is defined else."""
    if len(set(rows["label"])) > 1:
        return
    flag = "a greater `hold_out_percentage`, or a `validation_file`" if split == "validation" else f"more {split} rows"
    raise ValueError(
        f"Column `{columns.label}` is {rows['label'][0]:g} in every row of the {split} split; it must hold both 0 and "
        f"1, or different scores. Give {flag}."
    )
