"""Make of the label columns people have the labels a model takes: class ids, multi-hot vectors or floats."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cells import sorted_names
from .label_forms import MULTI, PROBLEM_TYPES, REGRESSION, SINGLE, LabelForm, find_form
from .label_warnings import say_far_off
from .places import place_of_row
from .sources import leading_split


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["PROBLEM_TYPES", "EncodedLabels", "LabelMap", "encode_labels", "label_cells", "label_form", "labels_fit"]

logger = logging.getLogger(__name__)

# How many allowed names an error lists before it says how many more there are.
NAMES_IN_ERRORS = 20
FAR_ADVICE = "it is learnt as it stands. Correct such rows, or leave them out."


class LabelMap:
    """The names of the classes; a name's position is its id.

    Where the names were given, and not found in the data, an integer that is no name is an id, provided no name is a
    number: with ``negative, positive`` the value 1 is ``positive``. Of two such classes, False is the first and True
    the second, unless they are named.
    """

    def __init__(self, names: list[str], *, given: bool = True) -> None:
        if not names or len(set(names)) != len(names):
            raise ValueError(f"The label names must be different and at least one; they are {names!r}.")
        self.names = names
        self._ids = {name: index for index, name in enumerate(names)}
        self._integers_are_ids = given and not any(name.removeprefix("-").isdecimal() for name in names)
        self._booleans_are_ids = given and len(names) == 2

    @classmethod
    def from_label2id(cls, label2id: dict[str, int]) -> LabelMap:
        if sorted(label2id.values()) != list(range(len(label2id))):
            raise ValueError(f"`label2id`={label2id!r} must map the names to the ids 0 to {len(label2id) - 1}.")
        return cls(sorted(label2id, key=lambda name: label2id[name]))

    def id_of(self, value: Any) -> int | None:
        """The class id of a label, which is looked up as ``str(value)``, or None where it has none."""
        name = str(value)
        found = self._ids.get(name)
        if found is not None:
            return found
        if self._booleans_are_ids and name in ("False", "True"):
            return int(name == "True")
        # Without a leading zero: 01 is another label than 1.
        if self._integers_are_ids and name.isdecimal() and str(int(name)) == name and int(name) < len(self.names):
            return int(name)
        return None

    def __str__(self) -> str:
        listed = ", ".join(map(repr, self.names[:NAMES_IN_ERRORS]))
        more = len(self.names) - NAMES_IN_ERRORS
        return f"{listed} and {more} more" if more > 0 else listed


# Split → the cells of its label column.
Cells = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class EncodedLabels:
    """Labels of every split, as `problem_type` wants them, and the `feature` that describes them to ``datasets``."""

    labels: dict[str, list[Any]]
    label_names: list[str] | None
    problem_type: str
    feature: Any


def label_cells(rows: Dataset, column: str, class_names: list[str] | None = None) -> list[Any]:
    """The cells of a label column, in which class labels of ``datasets`` are their names, unless `class_names` names
    their ids.

    Raises:
        ValueError: the column has a type that no labels have.
    """
    from datasets import ClassLabel, LargeList, List, Value

    feature = rows.features[column]
    item = feature.feature if isinstance(feature, List | LargeList) else feature
    if not isinstance(item, ClassLabel) and not (isinstance(item, Value) and _may_be_label(item.dtype)):
        raise ValueError(
            f"Column `{column}` has the type {feature}; a label column holds integers, strings, booleans or class "
            "labels (one class), lists of those (several), or floats (regression)."
        )
    cells = list(rows[column])
    if not isinstance(item, ClassLabel) or class_names is not None:
        return cells

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        return item.names[value] if value is not None and 0 <= value < len(item.names) else value

    return [named(value) for value in cells]


def _may_be_label(dtype: str) -> bool:
    return dtype in ("null", "bool", "string", "large_string", "string_view") or "int" in dtype or "float" in dtype


def label_form(
    splits: dict[str, Dataset],
    column: str,
    *,
    problem_type: str | None = None,
    label2id: dict[str, int] | None = None,
    class_names: list[str] | None = None,
    delimiter: str | None = None,
    first: str | None = None,
) -> LabelForm:
    """The form of the labels, by the `first` split.

    Args:
        splits: The rows; `first` must be among them, if it is given.
        column: The name of the label column.
        problem_type: None to take it from what the column holds (`hf_rnn.data.readers.label_forms.find_form`).
        label2id: A model's map, whose names are then known.
        class_names: Names that were given to the classes.
        delimiter: What stands between the names in a string of several labels. None: what the column shows.
        first: As that of `encode_labels`.

    Raises:
        ValueError: as `hf_rnn.data.readers.label_forms.find_form`.
    """
    from datasets import ClassLabel

    rows = splits[first or leading_split(splits)]
    if problem_type is None and isinstance(rows.features[column], ClassLabel):
        return LabelForm(SINGLE, whole_numbers=class_names is not None)
    cells = label_cells(rows, column, class_names)
    known = [*(class_names or ()), *(label2id or ())]
    return find_form(cells, column, problem_type=problem_type, delimiter=delimiter, known=known)


def encode_labels(
    splits: dict[str, Dataset],
    column: str,
    form: LabelForm,
    *,
    label2id: dict[str, int] | None = None,
    class_names: list[str] | None = None,
    first: str | None = None,
) -> EncodedLabels:
    """Encode the label column of every split by the label set of the `first` split.

    - ``single_label_classification`` (class labels, texts, whole numbers, booleans): int64 ids. The classes are
      sorted, numbers by their value. White space around a label is no part of it, ``01`` and ``1`` are two.
    - ``multi_label_classification`` (lists of those, lists that were written as text, names joined by `delimiter`,
      where null and ``""`` are no label, or vectors of 0 and 1): float32 multi-hot vectors, one position a label.
    - ``regression`` (numbers with decimals; others where `problem_type` says so): float32. `label2id` does not apply.
      Of lists of numbers, one for each of several columns: lists of float32, which `class_names` name.

    Args:
        splits: The rows; `first` must be among them, if it is given.
        column: The name of the label column.
        form: The form of the labels, see `label_form`.
        label2id: A model's map, which then decides instead of the training split.
        class_names: Names for integer labels in order of their ids, or the order of string labels, or the names of the
            positions of vectors.
        first: The split whose labels are all that there are, where nothing else says which. Default: ``train``, or the
            first where there is none.

    Raises:
        ValueError: naming the column, the split, the place and the value that does not fit, and what may.
    """
    cells = {split: label_cells(rows, column, class_names) for split, rows in splits.items()}
    if form.problem_type == REGRESSION and form.vector_size is not None:
        names = _names_of_vectors(form.vector_size, column, label2id, class_names).names
        return _several_numbers(splits, cells, column, form, names)
    if form.problem_type == REGRESSION:
        return _numbers(splits, cells, column, form, class_names)
    if form.vector_size is not None:
        return _vectors(splits, cells, column, form, label2id, class_names)
    return _classes(splits, cells, column, form, label2id, class_names, first or leading_split(splits))


def _numbers(
    splits: dict[str, Dataset], cells: Cells, column: str, form: LabelForm, class_names: list[str] | None
) -> EncodedLabels:
    from datasets import Value

    if class_names is not None:
        raise ValueError(f"`class_names`={class_names!r} was given, but column `{column}` is a regression target.")
    wanted = f"a finite number (regression; `problem_type` {SINGLE} takes values as classes)"
    numbers = {s: _read(splits[s], cells[s], form.number, column, s, wanted) for s in splits}
    leading = leading_split(splits)
    say_far_off(splits[leading], column, dict(enumerate(numbers[leading])), FAR_ADVICE)
    return EncodedLabels(numbers, None, REGRESSION, Value("float32"))


def _several_numbers(
    splits: dict[str, Dataset], cells: Cells, column: str, form: LabelForm, names: list[str]
) -> EncodedLabels:
    from datasets import List, Value

    wanted = f"{len(names)} finite numbers, one for each of {', '.join(map(repr, names))}"
    found = {s: _read(splits[s], cells[s], form.numbers, column, s, wanted) for s in splits}
    leading = leading_split(splits)
    for index, name in enumerate(names):
        say_far_off(splits[leading], name, {row: each[index] for row, each in enumerate(found[leading])}, FAR_ADVICE)
    return EncodedLabels(found, names, REGRESSION, List(Value("float32")))


def _vectors(
    splits: dict[str, Dataset],
    cells: Cells,
    column: str,
    form: LabelForm,
    label2id: dict[str, int] | None,
    class_names: list[str] | None,
) -> EncodedLabels:
    from datasets import List, Value

    size = form.vector_size or 0
    label_map = _names_of_vectors(size, column, label2id, class_names)
    wanted = f"{size} values, 0 or 1 for each of {label_map}"
    vectors = {s: _read(splits[s], cells[s], form.vector, column, s, wanted) for s in splits}
    return EncodedLabels(vectors, label_map.names, MULTI, List(Value("float32")))


def _classes(
    splits: dict[str, Dataset],
    cells: Cells,
    column: str,
    form: LabelForm,
    label2id: dict[str, int] | None,
    class_names: list[str] | None,
    first: str,
) -> EncodedLabels:
    from datasets import ClassLabel, List, Value

    several = form.problem_type == MULTI
    wanted = "an integer, a string, a boolean or a class label" + (", or several" if several else "")
    names = {s: _read(splits[s], cells[s], form.names, column, s, wanted) for s in splits}
    label_map = _label_map(names[first], splits[first].features[column], column, label2id, class_names, first)
    if len(label_map.names) < 2:
        raise ValueError(
            f"Column `{column}` of the {first} split holds one value only, {label_map}: nothing to classify. Another "
            "`label_column_name` may hold the labels; or add rows of another label."
        )
    ids = {s: _ids(splits[s], cells[s], names[s], label_map, column, s) for s in splits}
    if class_names is None:
        _say_numbers({name for rows in names.values() for row in rows for name in row}, label_map, column)
    if several:
        size = len(label_map.names)
        hot = {split: [_multi_hot(row, size) for row in rows] for split, rows in ids.items()}
        return EncodedLabels(hot, label_map.names, MULTI, List(Value("float32")))
    single = {split: [row[0] for row in rows] for split, rows in ids.items()}
    return EncodedLabels(single, label_map.names, SINGLE, ClassLabel(names=label_map.names))


def labels_fit(
    splits: dict[str, Dataset],
    column: str,
    form: LabelForm,
    label2id: dict[str, int] | None,
    class_names: list[str] | None,
) -> bool:
    """Whether a model's map has every label of the split that decides, and the names that were given are its own."""
    if label2id is None or (form.problem_type == REGRESSION and form.vector_size is None):
        return True
    label_map = LabelMap.from_label2id(label2id)
    if class_names is not None and class_names != label_map.names:
        return False
    if form.vector_size is not None:
        return form.vector_size == len(label_map.names)
    cells = label_cells(splits[leading_split(splits)], column, class_names)
    return all(label_map.id_of(name) is not None for cell in cells for name in form.names(cell) or ())


def _read(
    rows: Dataset, cells: Sequence[Any], read: Callable[[Any], Any], column: str, split: str, wanted: str
) -> list[Any]:
    """Apply `read` to every cell, and raise a ValueError for the first of which it makes nothing."""
    found = [read(value) for value in cells]
    for row, value in enumerate(found):
        if value is None:
            raise _bad_value(rows, column, split, row, cells[row], wanted)
    return found


def _names_of_vectors(
    size: int, column: str, label2id: dict[str, int] | None, class_names: list[str] | None
) -> LabelMap:
    label_map = _given_map(label2id, class_names) or LabelMap([str(position) for position in range(size)])
    if len(label_map.names) != size:
        argument = "class_names" if class_names is not None else "label2id"
        raise ValueError(
            f"Column `{column}` holds vectors of {size} values; `{argument}` ({label_map}) has {len(label_map.names)}."
        )
    return label_map


def _given_map(label2id: dict[str, int] | None, class_names: list[str] | None) -> LabelMap | None:
    given = None if label2id is None else LabelMap.from_label2id(label2id)
    if class_names is None:
        return given
    named = LabelMap(class_names)
    if given is not None and given.names != named.names:
        raise ValueError(f"`class_names` ({named}) and `label2id` ({given}) must agree.")
    return named


def _label_map(
    training: list[list[str]],
    feature: Any,
    column: str,
    label2id: dict[str, int] | None,
    class_names: list[str] | None,
    split: str,
) -> LabelMap:
    from datasets import ClassLabel

    given = _given_map(label2id, class_names)
    if given is not None:
        return given
    classes = getattr(feature, "feature", feature)
    if isinstance(classes, ClassLabel):
        return LabelMap(list(classes.names))
    found = {name for row in training for name in row}
    if not found:
        raise ValueError(f"Column `{column}` of the {split} split holds no label at all.")
    return LabelMap(sorted_names(found), given=False)


def _ids(
    rows: Dataset, cells: Sequence[Any], names: list[list[str]], label_map: LabelMap, column: str, split: str
) -> list[list[int]]:
    ids = [[label_map.id_of(name) for name in row] for row in names]
    missing = [name for row, found in zip(names, ids, strict=True) for name in _unknown(row, found)]
    if missing:
        row = next(row for row, found in enumerate(ids) if None in found)
        value = cells[row] if len(ids[row]) == 1 and not isinstance(cells[row], list) else missing[0]
        raise _unknown_label(rows, column, split, row, value, label_map, Counter(missing))
    return [[index for index in found if index is not None] for found in ids]


def _say_numbers(names: set[str], label_map: LabelMap, column: str) -> None:
    """Say of numbers that are no names of the classes which of them they are taken for."""
    unknown = names.difference(label_map.names)
    numbers = sorted((name for name in unknown if name.removeprefix("-").isdecimal()), key=int)
    if numbers:
        taken = [f"{name} is {label_map.names[label_map.id_of(name) or 0]!r}" for name in numbers[:NAMES_IN_ERRORS]]
        logger.warning(
            "Labels of column %r: %s, by the order of the classes (--class_names gives names).",
            column,
            ", ".join(taken),
        )


def _unknown(names: Sequence[str], ids: Sequence[int | None]) -> list[str]:
    return [name for name, index in zip(names, ids, strict=True) if index is None]


def _unknown_label(
    rows: Dataset, column: str, split: str, row: int, value: Any, label_map: LabelMap, counts: Counter[str]
) -> ValueError:
    """The error for labels that nothing else has: the first with its place, and how often each occurs."""
    listed = ", ".join(f"{name!r} × {count}" for name, count in counts.most_common(NAMES_IN_ERRORS))
    return _bad_value(
        rows,
        column,
        split,
        row,
        value,
        f"one of {label_map}, the labels that are learnt (unknown in this split: {listed}). Correct or remove these "
        "rows, or add such rows to the training split",
    )


def _multi_hot(ids: list[int], size: int) -> list[float]:
    vector = [0.0] * size
    for index in ids:
        vector[index] = 1.0
    return vector


def _bad_value(rows: Dataset, column: str, split: str, row: int, value: Any, allowed: str) -> ValueError:
    return ValueError(
        f"Column `{column}` of the {split} split has the value {value!r} in {place_of_row(rows, row)}; it must be "
        f"{allowed}."
    )
