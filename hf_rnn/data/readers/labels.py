"""From the label columns people have to the labels a model takes: class ids, multi-hot vectors or floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .sources import leading_split


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["PROBLEM_TYPES", "EncodedLabels", "LabelMap", "encode_labels"]

PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
# How many allowed names an error lists before it says how many more there are.
NAMES_IN_ERRORS = 20


class LabelMap:
    """The names of the classes; a name's position is its id.

    A value is first looked up by name, as ``str(value)``. An integer that is no name is taken as an id, provided no
    name is a number: with ``negative, positive`` the value 1 is ``positive``, with ``1, 2`` it is the first class.
    Of two classes, False is the first and True the second, unless they are named.
    """

    def __init__(self, names: list[str]) -> None:
        if not names or len(set(names)) != len(names):
            raise ValueError(f"The label names must be different and at least one; they are {names!r}.")
        self.names = names
        self._ids = {name: index for index, name in enumerate(names)}
        self._integers_are_ids = not any(name.removeprefix("-").isdecimal() for name in names)

    @classmethod
    def from_label2id(cls, label2id: dict[str, int]) -> LabelMap:
        if sorted(label2id.values()) != list(range(len(label2id))):
            raise ValueError(f"`label2id`={label2id!r} must map the names to the ids 0 to {len(label2id) - 1}.")
        return cls(sorted(label2id, key=lambda name: label2id[name]))

    def id_of(self, value: Any) -> int | None:
        """The class id of `value`, or None where it has none."""
        found = self._ids.get(str(value))
        if found is not None or not isinstance(value, int) or not self._integers_are_ids:
            return found
        if isinstance(value, bool) and len(self.names) != 2:
            return None
        return int(value) if 0 <= value < len(self.names) else None

    def __str__(self) -> str:
        listed = ", ".join(map(repr, self.names[:NAMES_IN_ERRORS]))
        more = len(self.names) - NAMES_IN_ERRORS
        return f"{listed} and {more} more" if more > 0 else listed


@dataclass(frozen=True)
class EncodedLabels:
    """Labels of every split, as `problem_type` wants them, and the `feature` that describes them to ``datasets``."""

    labels: dict[str, list[Any]]
    label_names: list[str] | None
    problem_type: str
    feature: Any


def encode_labels(
    splits: dict[str, Dataset],
    column: str,
    *,
    problem_type: str | None = None,
    label2id: dict[str, int] | None = None,
    class_names: list[str] | None = None,
    delimiter: str = ",",
    first: str | None = None,
) -> EncodedLabels:
    """Encode the label column of every split by the label set of the `first` split.

    - ``single_label_classification`` (ClassLabel, integers, strings, booleans): int64 ids.
    - ``multi_label_classification`` (lists of those, or strings of names joined by `delimiter`, where null and ``""``
      are no label): float32 multi-hot vectors, one position for each name.
    - ``regression`` (floats; integers where `problem_type` says so): float32. `label2id` does not apply.

    Args:
        splits: The rows; `first` must be among them, if it is given.
        column: The name of the label column.
        problem_type: None to take it from the column's type.
        label2id: A model's map, which then decides instead of the training split.
        class_names: Names for integer labels in order of their ids, or the order of string labels.
        delimiter: What stands between the names in a string of several labels.
        first: The split whose labels are all that there are, where nothing else says which. Default: ``train``, or the
            first where there is none.

    Raises:
        ValueError: naming the column, the split, the row and the value that does not fit, and what may.
    """
    from datasets import ClassLabel, List, Value

    first = first or leading_split(splits)
    feature = splits[first].features[column]
    chosen = _problem_type(feature, column) if problem_type is None else problem_type
    if chosen not in PROBLEM_TYPES:
        raise ValueError(f"`problem_type`={problem_type!r} must be None or one of {PROBLEM_TYPES}.")
    if chosen == "regression":
        if class_names is not None:
            raise ValueError(f"`class_names`={class_names!r} was given, but column `{column}` is a regression target.")
        numbers = {split: _numbers(rows[column], column, split) for split, rows in splits.items()}
        return EncodedLabels(numbers, None, chosen, Value("float32"))

    several = chosen == "multi_label_classification"
    values = {
        split: _value_lists(rows, column, split, several, delimiter, class_names) for split, rows in splits.items()
    }
    label_map = _label_map(values[first], feature, column, label2id, class_names)
    if not several and len(label_map.names) < 2:
        raise ValueError(
            f"Column `{column}` of the {first} split holds one value only, {label_map}: nothing to classify."
        )
    ids = {split: _ids(lists, label_map, column, split) for split, lists in values.items()}
    if several:
        size = len(label_map.names)
        vectors = {split: [_multi_hot(row, size) for row in rows] for split, rows in ids.items()}
        return EncodedLabels(vectors, label_map.names, chosen, List(Value("float32")))
    single = {split: [row[0] for row in rows] for split, rows in ids.items()}
    return EncodedLabels(single, label_map.names, chosen, ClassLabel(names=label_map.names))


def _problem_type(feature: Any, column: str) -> str:
    from datasets import ClassLabel, LargeList, List

    dtype = getattr(feature, "dtype", "")
    if isinstance(feature, List | LargeList):
        return "multi_label_classification"
    if isinstance(feature, ClassLabel) or dtype in ("bool", "string", "large_string") or "int" in dtype:
        return "single_label_classification"
    if dtype.startswith("float"):
        return "regression"
    raise ValueError(
        f"Column `{column}` has the type {feature}; a label column holds integers, strings, booleans or class labels "
        "(one class), lists of those (several), or floats (regression)."
    )


def _numbers(values: Sequence[Any], column: str, split: str) -> list[float]:
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _bad_value(column, split, row, value, "a finite number (regression)")
    return [float(value) for value in values]


def _value_lists(
    rows: Dataset, column: str, split: str, several: bool, delimiter: str, class_names: list[str] | None
) -> list[list[Any]]:
    """The labels of each row as a list: of exactly one, unless `several` may be."""
    from datasets import ClassLabel

    feature = rows.features[column]
    classes = getattr(feature, "feature", feature)
    lists: list[list[Any]] = []
    for row, value in enumerate(rows[column]):
        if several and (value is None or isinstance(value, str)):
            value = [part.strip() for part in (value or "").split(delimiter) if part.strip()]
        elif several and not isinstance(value, list):
            value = [value]
        elif not several:
            value = [value]
        for item in value:
            if not isinstance(item, int | str):
                raise _bad_value(column, split, row, item, "an integer, a string, a boolean or a class label")
        if isinstance(classes, ClassLabel) and class_names is None:
            value = [classes.names[item] if 0 <= item < len(classes.names) else item for item in value]
        lists.append(value)
    return lists


def _label_map(
    training: list[list[Any]],
    feature: Any,
    column: str,
    label2id: dict[str, int] | None,
    class_names: list[str] | None,
) -> LabelMap:
    from datasets import ClassLabel

    given = None if label2id is None else LabelMap.from_label2id(label2id)
    if class_names is not None:
        named = LabelMap(class_names)
        if given is not None and given.names != named.names:
            raise ValueError(f"`class_names` ({named}) and `label2id` ({given}) must agree.")
        return named
    if given is not None:
        return given
    classes = getattr(feature, "feature", feature)
    if isinstance(classes, ClassLabel):
        return LabelMap(list(classes.names))
    found = {item for row in training for item in row}
    if not found:
        raise ValueError(f"Column `{column}` of the train split holds no label at all.")
    return LabelMap([str(item) for item in sorted(found)])


def _ids(lists: list[list[Any]], label_map: LabelMap, column: str, split: str) -> list[list[int]]:
    ids: list[list[int]] = []
    for row, values in enumerate(lists):
        found = []
        for value in values:
            index = label_map.id_of(value)
            if index is None:
                raise _bad_value(column, split, row, value, f"one of {label_map}")
            found.append(index)
        ids.append(found)
    return ids


def _multi_hot(ids: list[int], size: int) -> list[float]:
    vector = [0.0] * size
    for index in ids:
        vector[index] = 1.0
    return vector


def _bad_value(column: str, split: str, row: int, value: Any, allowed: str) -> ValueError:
    return ValueError(
        f"Column `{column}` of the {split} split has the value {value!r} in row {row} (counting from 0); "
        f"it must be {allowed}."
    )
