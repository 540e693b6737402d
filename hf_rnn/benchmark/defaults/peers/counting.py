"""The cheap baselines of the training command, fitted on all rows, none of which are held out to choose by."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....baselines import pairs, tags, texts
from ....baselines.predicted import Predicted
from .base import Answered, Problem


__all__ = ["count"]


def count(problem: Problem) -> Answered:
    """Fit the baseline of the kind of data, with the settings that it has where there is nothing to choose by."""
    found, answers = {
        "classes": _classes,
        "numbers": _numbers,
        "tags": _tags,
        "pair_labels": _pair_labels,
        "pair_scores": _pair_scores,
    }[problem.kind](problem)
    return Answered(answers, None, {"name": found.name, **found.options})


def _splits(problem: Problem) -> dict[str, Any]:
    return {"train": problem.inputs, "test": problem.asked}


def _classes(problem: Problem) -> tuple[Predicted, list[Any]]:
    names = sorted(set(problem.labels))
    found = texts.class_scores(_splits(problem), {"train": [names.index(each) for each in problem.labels]}, len(names))
    return found, [names[index] for index in np.asarray(found.answers["test"]).argmax(1)]


def _numbers(problem: Problem) -> tuple[Predicted, list[Any]]:
    found = texts.number_scores(_splits(problem), {"train": problem.labels})
    return found, np.asarray(found.answers["test"]).ravel().tolist()


def _tags(problem: Problem) -> tuple[Predicted, list[Any]]:
    found = tags.crf_tags(_splits(problem), problem.labels)
    return found, [list(sentence) for sentence in found.answers["test"]]


def _pair_labels(problem: Problem) -> tuple[Predicted, list[Any]]:
    found = pairs.class_odds(_splits(problem), [int(label) for label in problem.labels], 2)
    odds = np.asarray(found.answers["test"])
    return found, (odds[:, 1] - odds[:, 0]).tolist()


def _pair_scores(problem: Problem) -> tuple[Predicted, list[Any]]:
    found = pairs.score_answers(_splits(problem), problem.labels)
    return found, np.asarray(found.answers["test"]).tolist()
