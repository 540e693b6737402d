"""The tasks that train by argument dataclasses, by name: what a search and its script know of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .language_modeling import task as language_modeling
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

__all__ = ["TASKS", "RunnableTask"]
