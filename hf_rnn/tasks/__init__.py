"""The tasks, a folder each: from arguments to measured results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .registry import TASKS as TASKS
    from .registry import RunnableTask as RunnableTask
    from .run import TrainingTask as TrainingTask
    from .run import run_task as run_task

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "RunnableTask": ".registry",
        "TASKS": ".registry",
        "TrainingTask": ".run",
        "run_task": ".run",
    },
)
