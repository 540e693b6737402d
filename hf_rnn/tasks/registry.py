"""The tasks by name: a row of `hf_rnn.runs.kinds` with the code in its folder, imported when it is asked for."""

from __future__ import annotations

import importlib

from ..runs.kinds import KINDS, find_kind
from .task import Task


__all__ = ["TASK_NAMES", "find_task"]


# Every task's own name.
TASK_NAMES = tuple(KINDS)


def find_task(name: str) -> Task:
    """The task of a name.

    Args:
        name: The pipeline's name, such as `text-classification`, or an alias, such as `similarity`.

    Raises:
        ValueError: there is no such task; the message lists the names.
    """
    task: Task = importlib.import_module(f"{__package__}.{find_kind(name).folder}.task").TASK
    return task
