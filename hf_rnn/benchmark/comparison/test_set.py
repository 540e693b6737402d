"""The test set of a comparison, as the task of the models reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tasks.registry import find_task
from ...tasks.test_set import TestSet


__all__ = ["TestSet", "read_test_set"]


def read_test_set(task: str, arguments: Any, label_names: Sequence[str] | None) -> TestSet:
    """The test split that `arguments` name.

    Args:
        task: One of `DATA_ARGUMENTS`.
        arguments: An instance of what `DATA_ARGUMENTS` has for the task.
        label_names: Those of the models, in order of the ids, by which integer labels are read; None: the data's.

    Raises:
        ValueError: the task's models are not compared, there is no test split, or a label in it is none of the
            models'.
    """
    label2id = None if label_names is None else {name: index for index, name in enumerate(label_names)}
    data = find_task(task).test_data
    if data is None:
        raise ValueError(f"`task`={task!r} has no `test_data`, so its models cannot be compared.")
    return data.read(arguments, label2id)
