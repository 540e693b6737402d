"""The figure of answers, and how far another sample of rows would move it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...metrics.tagging import entity_spans


__all__ = ["figure_of"]


# Resamples of the rows, and what they are drawn by.
RESAMPLES, SEED = 200, 0


def figure_of(kind: str, truth: Sequence[Any], answers: Sequence[Any]) -> tuple[float, float]:
    """Measure answers, a row each.

    Args:
        kind: A key of `KINDS` whose data are rows.
        truth: Classes, numbers, or tags (IOB2) of each sentence; of labelled pairs 0 and 1.
        answers: The same of what was said; of labelled pairs a number that is higher where they are alike.

    Returns:
        The figure, and its standard error: √(p(1 − p)/n) of an accuracy; of all others the standard deviation over
        200 resamples of the rows (the bootstrap, Efron 1979, https://doi.org/10.1214/aos/1176344552).

    Example:
        >>> figure_of("classes", ["a", "b", "b", "a"], ["a", "b", "b", "b"])
        (0.75, 0.21650635094610965)
    """
    if len(truth) != len(answers):
        raise ValueError(f"`answers` must be {len(truth)}, one for each row; they are {len(answers)}.")
    if kind == "classes":
        accuracy = float(np.mean([said == true for said, true in zip(answers, truth, strict=True)]))
        return accuracy, math.sqrt(accuracy * (1 - accuracy) / len(truth))
    if kind == "tags":
        counts = np.array([_entity_counts(true, said) for true, said in zip(truth, answers, strict=True)])
        return _with_error(counts, _f1)
    columns = np.array([truth, answers], dtype=np.float64).T
    return _with_error(columns, {"numbers": _pearson, "pair_scores": _spearman, "pair_labels": _roc_auc}[kind])


def _with_error(rows: np.ndarray, measure: Callable[[np.ndarray], float]) -> tuple[float, float]:
    draw = np.random.default_rng(SEED)
    resampled = [measure(rows[draw.integers(len(rows), size=len(rows))]) for _ in range(RESAMPLES)]
    return measure(rows), float(np.std(resampled))


def _entity_counts(true: Sequence[str], said: Sequence[str]) -> tuple[int, int]:
    """Entities of a sentence that were found, and those that were said and those that there are."""
    there, found = entity_spans(true), entity_spans(said)
    return len(there & found), len(there) + len(found)


def _f1(counts: np.ndarray) -> float:
    hits, all_of_both = counts.sum(0)
    return float(2 * hits / max(1, all_of_both))


def _pearson(columns: np.ndarray) -> float:
    """Pearson's correlation; 0 where either does not vary."""
    if min(np.ptp(columns, axis=0)) == 0:
        return 0.0
    return float(np.corrcoef(columns.T)[0, 1])


def _spearman(columns: np.ndarray) -> float:
    from scipy.stats import rankdata

    return _pearson(rankdata(columns, axis=0))


def _roc_auc(columns: np.ndarray) -> float:
    """The area under the curve; a half where all rows are of one label."""
    from sklearn.metrics import roc_auc_score

    return 0.5 if np.ptp(columns[:, 0]) == 0 else float(roc_auc_score(columns[:, 0], columns[:, 1]))
