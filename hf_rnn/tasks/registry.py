"""The tasks that train by argument dataclasses, by name: what a search and its script know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..training.arguments import RecurrentTrainingArguments
from .arguments import ReportArguments
from .language_modeling import task as language_modeling
from .one_shot import task as one_shot
from .run import TrainingTask
from .similarity import task as similarity
from .text_classification import task as text_classification
from .token_classification import task as token_classification


@dataclass(frozen=True)
class RunnableTask:
    """
    Attributes:
        groups: The argument dataclasses, in the order in which `run` takes them.
        prepare: Takes all of them but the report's, in the same order, and gives what is to be trained.
        run: Trains, measures, and writes results; also takes the path of the `recipe`.
        script: What people run it with.
    """

    groups: tuple[type, ...]
    prepare: Callable[..., TrainingTask]
    run: Callable[..., dict[str, Any]]
    script: str


TASKS = {
    "text-classification": RunnableTask(
        text_classification.GROUPS,
        text_classification.prepare_text_classification,
        text_classification.run_text_classification,
        "scripts/run_text_classification.py",
    ),
    "token-classification": RunnableTask(
        token_classification.GROUPS,
        token_classification.prepare_token_classification,
        token_classification.run_token_classification,
        "scripts/run_token_classification.py",
    ),
    "language-modeling": RunnableTask(
        language_modeling.GROUPS,
        language_modeling.prepare_language_modeling,
        language_modeling.run_language_modeling,
        "scripts/run_language_modeling.py",
    ),
    "similarity": RunnableTask(
        similarity.GROUPS,
        similarity.prepare_similarity,
        similarity.run_similarity,
        "scripts/run_similarity.py",
    ),
}


@dataclass(frozen=True)
class Task:
    """The interim form of a task: its name, its aliases, its argument groups, and what runs it."""

    name: str
    aliases: tuple[str, ...]
    groups: tuple[type, ...]
    run_with: Callable[..., dict[str, Any]]

    def run(self, arguments: tuple[Any, ...], recipe: str | None = None) -> dict[str, Any]:
        return self.run_with(*arguments, recipe=recipe)


def find_task(name: str) -> Task:
    """The task of a name or an alias; a ValueError lists the names."""
    for task in _TASKS:
        if name in (task.name, *task.aliases):
            return task
    raise ValueError(f"`task`={name!r} must be one of {', '.join(TASK_NAMES)}.")


_ONE_SHOT_GROUPS = (one_shot.OneShotArguments, ReportArguments, RecurrentTrainingArguments)
_TASKS = (
    Task("text-classification", (), text_classification.GROUPS, text_classification.run_text_classification),
    Task("token-classification", (), token_classification.GROUPS, token_classification.run_token_classification),
    Task("text-generation", ("language-modeling",), language_modeling.GROUPS, language_modeling.run_language_modeling),
    Task("sentence-similarity", ("similarity",), similarity.GROUPS, similarity.run_similarity),
    Task("image-feature-extraction", ("one-shot",), _ONE_SHOT_GROUPS, one_shot.run_one_shot),
)
TASK_NAMES = tuple(task.name for task in _TASKS)

__all__ = ["TASKS", "TASK_NAMES", "RunnableTask", "Task", "find_task"]
