"""Pairs of texts with labels 0 and 1, or with graded scores, from the Hub or from files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .files import read_rows
from .hold_out import hold_out_and_sample
from .sources import (
    SourceArguments,
    column_texts,
    comma_separated,
    leading_split,
    read_splits,
    require_column,
)


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["PairData", "PairDataArguments", "load_pairs"]

# Columns of pairs that are found when `text_column_names` is not given.
USUAL_PAIRS = (
    ("question1", "question2"),
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("text", "text_pair"),
    ("sentence_A", "sentence_B"),
    ("anchor", "positive"),
)
USUAL_LABEL_COLUMNS = ("label", "score", "is_duplicate", "similarity_score", "relatedness_score")


@dataclass
class PairDataArguments(SourceArguments):
    """Which pairs of texts to read; for ``transformers.HfArgumentParser``."""

    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "The columns of the two texts, separated by a comma. Default: the first there is of "
            f"{', '.join(f'{a} and {b}' for a, b in USUAL_PAIRS)}."
        },
    )
    label_column_name: str | None = field(
        default=None,
        metadata={
            "help": "The column of labels (1: alike, 0: not) or of scores. Default: the only one of "
            f"{', '.join(USUAL_LABEL_COLUMNS)}."
        },
    )
    score_range: str | None = field(
        default=None,
        metadata={
            "help": 'The lowest and the highest score, as "0,5"; they are scaled to 0 and 1. Default: those of the '
            "training rows."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        columns = comma_separated(self.text_column_names, "text_column_names")
        if columns is not None and len(columns) != 2:
            raise ValueError(f"`text_column_names`={self.text_column_names!r} must be two columns, of a pair's texts.")
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
            ``text_b`` (string) and ``label`` (float32).
        kind: ``"labels"``: 1 for texts that are alike and 0 for others; ``"scores"``: the more alike, the higher, from
            0 to 1.
        dataset_name: The Hub id, or the training file as it was given.
    """

    splits: DatasetDict
    kind: Literal["labels", "scores"]
    dataset_name: str


def load_pairs(arguments: PairDataArguments) -> PairData:
    """Read, check and split pairs of texts.

    Numbers that are all 0 or 1 in the training split are labels, any others scores. A text may be empty. How rows are
    held out and sampled: `hf_rnn.data.readers.hold_out.hold_out_and_sample`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a null text, a label that is neither 0
            nor 1 or no number, a score out of its range, a split without both labels or of one score, an empty split,
            or one that is both given and to be held out.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    typed = USUAL_LABEL_COLUMNS if arguments.label_column_name is None else (arguments.label_column_name,)
    raw = read_splits(arguments, lambda path: read_rows(path, arguments, typed_columns=typed))
    leading = leading_split(raw)
    first, second = _text_columns(arguments, raw[leading], leading)
    label_column = _label_column(arguments, raw[leading], leading)
    if label_column in (first, second):
        raise ValueError(f"`label_column_name`={label_column!r} is also one of `text_column_names`.")
    numbers = {}
    for split, rows in raw.items():
        require_column(label_column, "label_column_name", split, rows)
        numbers[split] = _numbers(rows[label_column], label_column, split)
    kind: Literal["labels", "scores"] = "labels" if set(numbers[leading]) <= {0, 1} else "scores"
    if kind == "labels" and arguments.score_range is not None:
        raise ValueError(f"`score_range`={arguments.score_range!r}: column `{label_column}` holds labels, 0 and 1.")
    low, high = (0.0, 1.0) if kind == "labels" else arguments.bounds() or _extremes(numbers[leading], label_column)
    features = Features({"text": Value("string"), "text_b": Value("string"), "label": Value("float32")})
    splits = {}
    for split, rows in raw.items():
        _check(numbers[split], kind, (low, high), label_column, split)
        columns = {
            "text": column_texts(rows, first, "text_column_names", split),
            "text_b": column_texts(rows, second, "text_column_names", split),
            "label": [(number - low) / (high - low) for number in numbers[split]],
        }
        splits[split] = Dataset.from_dict(columns, features=features)
    splits = hold_out_and_sample(splits, arguments)
    for split, rows in splits.items():
        if len(set(rows["label"])) < 2:
            raise ValueError(
                f"Column `{label_column}` is {rows['label'][0]:g} in every row of the {split} split; it must hold "
                "both 0 and 1, or different scores."
            )
    return PairData(
        DatasetDict(splits), kind, arguments.dataset_name or str(arguments.train_file or arguments.test_file)
    )


def _text_columns(arguments: PairDataArguments, rows: Dataset, split: str) -> tuple[str, str]:
    named = comma_separated(arguments.text_column_names, "text_column_names")
    if named is not None:
        return named[0], named[1]
    for first, second in USUAL_PAIRS:
        if first in rows.column_names and second in rows.column_names:
            return first, second
    raise ValueError(
        f"Give `text_column_names`: the {split} split has no usual pair of columns; its columns are "
        f"{', '.join(map(repr, rows.column_names))}."
    )


def _label_column(arguments: PairDataArguments, rows: Dataset, split: str) -> str:
    if arguments.label_column_name is not None:
        return arguments.label_column_name
    usual = [name for name in USUAL_LABEL_COLUMNS if name in rows.column_names]
    if len(usual) != 1:
        found = f"more than one usual label column ({', '.join(usual)})" if usual else "no usual label column"
        raise ValueError(
            f"Give `label_column_name`: the {split} split has {found}; its columns are "
            f"{', '.join(map(repr, rows.column_names))}."
        )
    return usual[0]


def _numbers(values: Sequence[Any], column: str, split: str) -> list[float]:
    for row, value in enumerate(values):
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(
                f"Column `{column}` of the {split} split has the value {value!r} in row {row} (from 0); it must be 0 "
                "or 1, or a score (a finite number)."
            )
    return [float(value) for value in values]


def _extremes(numbers: list[float], column: str) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    if low == high:
        raise ValueError(
            f"Column `{column}` is {low:g} in every row of the train split; it must hold different scores."
        )
    return low, high


def _check(numbers: list[float], kind: str, bounds: tuple[float, float], column: str, split: str) -> None:
    low, high = bounds
    for row, number in enumerate(numbers):
        if kind == "labels" and number not in (0, 1):
            allowed = "0 or 1, as in the train split"
        elif not low <= number <= high:
            allowed = f"from {low:g} to {high:g}; `score_range` sets another range"
        else:
            continue
        raise ValueError(
            f"Column `{column}` of the {split} split has the value {number:g} in row {row} (from 0); it must be "
            f"{allowed}."
        )
