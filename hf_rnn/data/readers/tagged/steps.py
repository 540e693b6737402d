"""Sentences whose tokens have numbers, or any number of labels each, in place of one tag."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..cells import as_number, sorted_names
from ..label_forms import MULTI, REGRESSION, SINGLE
from ..labels import LabelMap
from .table import TaggedTable


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["STEP_TARGETS", "StepData", "find_step_problem", "read_steps", "step_targets"]


# The column of the targets of a split, and the name of a single number.
STEP_TARGETS, ONE_NUMBER = "targets", "score"
NO_TARGET = math.nan


@dataclass(frozen=True)
class StepData:
    """Sentences with targets at every token, ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``tokens``
            (list of strings) and ``targets`` (of each token a list of float32, one for each of `label_names`):
            numbers, or 1 for a label that the token has and 0 for one that it has not; NaN where there is no target.
        label_names: The labels, or the names of the numbers.
        problem_type: ``"regression"`` or ``"multi_label_classification"``.
        dataset_name: The Hub id, or the training file as it was given.
    """

    splits: DatasetDict
    label_names: list[str]
    problem_type: str
    dataset_name: str
    is_entities: ClassVar[bool] = False


def find_step_problem(table: TaggedTable, asked: str | None = None) -> str | None:
    """The problem type of the targets: regression for numbers with decimals and for lists of numbers, several labels
    for lists of names and for lists of as many 0 and 1; None where each token has one tag.

    Args:
        table: The split that decides.
        asked: The type that was asked for; it overrules what the targets show.
    """
    if asked is not None:
        return None if asked == SINGLE else asked
    items = [item for targets in table.tags for item in targets if item is not None]
    if any(isinstance(item, list) for item in items):
        inner = [value for item in items if isinstance(item, list) for value in item if value is not None]
        if not all(map(_is_number, inner)):
            return MULTI
        lengths = {len(item) for item in items if isinstance(item, list)}
        return MULTI if inner and len(lengths) == 1 and set(inner) <= {0, 1} else REGRESSION if inner else MULTI
    return REGRESSION if any(isinstance(item, float) for item in items) else None


def read_steps(
    tables: Mapping[str, TaggedTable],
    leading: str,
    problem_type: str,
    class_names: Sequence[str] | None = None,
    label2id: Mapping[str, int] | None = None,
) -> tuple[dict[str, list[list[list[float]]]], list[str]]:
    """The targets of every split, and their names.

    A target of null is none, in place of a token's or in a list. Of several labels the set is that of the `leading`
    split, sorted, and a token without a label has an empty list.

    Args:
        tables: Split → its sentences.
        leading: The split that decides.
        problem_type: `"regression"` or `"multi_label_classification"`.
        class_names: The labels, or the names of the numbers. None: those of the data; numbers are counted from 0.
        label2id: A trained model's map, which then decides instead of the `leading` split.

    Returns:
        Split → (sentences, tokens, names), NaN where there is no target; and the names.

    Raises:
        ValueError: a sentence has another number of targets than of tokens, a target is of another kind or length, a
            label is none of those that are known, or no token of the `leading` split has a target.
    """
    names = list(class_names) if class_names else None
    if label2id is not None:
        known = LabelMap.from_label2id(dict(label2id)).names
        if names not in (None, known):
            raise ValueError(f"`class_names`={names} must be those of the model: {known}.")
        names = known
    for table in tables.values():
        for row, (targets, words) in enumerate(zip(table.tags, table.tokens, strict=True)):
            if len(targets) != len(words):
                raise ValueError(f"{table.place(row)}: {len(targets)} targets for {len(words)} tokens.")
    read, names = (_numbers if problem_type == REGRESSION else _labels)(tables[leading], names)
    found = {split: _read(table, read) for split, table in tables.items()}
    if all(map(math.isnan, chain.from_iterable(chain.from_iterable(found[leading])))):
        raise ValueError(f"Column `{tables[leading].columns.tags}` of the {leading} split has no target at all.")
    return found, names


def step_targets(rows: Dataset) -> np.ndarray:
    """The targets of a split of [`StepData`], (tokens, outputs), its sentences one after the other."""
    return np.array([target for sentence in rows[STEP_TARGETS][:] for target in sentence], dtype=np.float64)


# Makes of a cell what is learnt of a token; a ValueError says what the cell must be.
Reader = Callable[[Any], list[float]]


def _read(table: TaggedTable, read: Reader) -> list[list[list[float]]]:
    sentences: list[list[list[float]]] = []
    for row, targets in enumerate(table.tags):
        sentences.append([])
        for position, target in enumerate(targets):
            try:
                sentences[-1].append(read(target))
            except ValueError as error:
                raise ValueError(
                    f"{table.place(row, position)}: the target is {target!r}; it must be {error}."
                ) from None
    return sentences


def _numbers(table: TaggedTable, names: list[str] | None) -> tuple[Reader, list[str]]:
    first = next((item for targets in table.tags for item in targets if item is not None), None)
    if names is None:
        names = [str(index) for index in range(len(first))] if isinstance(first, list) else [ONE_NUMBER]
    wanted = "a finite number, or null for no target"
    if len(names) != 1 or isinstance(first, list):
        wanted = f"a list of {len(names)} finite numbers ({', '.join(names)}), with null for no target"

    def number(value: Any) -> float:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NO_TARGET
        found = None if isinstance(value, bool) else as_number(value)
        if found is None:
            raise ValueError(wanted)
        return found

    def read(target: Any) -> list[float]:
        if target is None:
            return [NO_TARGET] * len(names)
        values = target if isinstance(target, list) else [target]
        if len(values) != len(names):
            raise ValueError(wanted)
        return [number(value) for value in values]

    return read, names


def _labels(table: TaggedTable, names: list[str] | None) -> tuple[Reader, list[str]]:
    lists = [item for targets in table.tags for item in targets if isinstance(item, list)]
    values = {value for item in lists for value in item}
    vectors = bool(values) and values <= {0, 1} and len({len(item) for item in lists}) == 1
    if vectors and (names is None or len(names) == len(lists[0])):
        return _vectors(names or [str(index) for index in range(len(lists[0]))])
    if names is None:
        names = sorted_names({str(value) for value in values if value is not None})
    if len(names) < 2:
        raise ValueError(
            f"Column `{table.columns.tags}` of the {table.split} split has the labels {names}; several labels a token "
            "need two at least. `class_names` names more."
        )
    ids = {name: index for index, name in enumerate(names)}
    wanted = f"a list of labels among {LabelMap(names)}, or null for no target"

    def read(target: Any) -> list[float]:
        if target is None:
            return [NO_TARGET] * len(names)
        if not isinstance(target, list) or any(str(value) not in ids for value in target):
            raise ValueError(wanted)
        found = [0.0] * len(names)
        for value in target:
            found[ids[str(value)]] = 1.0
        return found

    return read, names


def _vectors(names: list[str]) -> tuple[Reader, list[str]]:
    def read(target: Any) -> list[float]:
        if target is None:
            return [NO_TARGET] * len(names)
        if not isinstance(target, list) or len(target) != len(names) or not set(target) <= {0, 1}:
            raise ValueError(f"{len(names)} values, 0 or 1 for each of {LabelMap(names)}, or null for no target")
        return [float(value) for value in target]

    return read, names


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
