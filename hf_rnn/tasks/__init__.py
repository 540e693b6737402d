"""The tasks, a folder each: from arguments to measured results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .evaluation import evaluate_file as evaluate_file
    from .registry import TASK_NAMES as TASK_NAMES
    from .registry import find_task as find_task
    from .run import TrainingTask as TrainingTask
    from .run import run_task as run_task
    from .task import Task as Task

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "TASK_NAMES": ".registry",
        "Task": ".task",
        "TrainingTask": ".run",
        "evaluate_file": ".evaluation",
        "find_task": ".registry",
        "run_task": ".run",
    },
)
