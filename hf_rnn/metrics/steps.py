"""Metrics of what is said at every step: numbers, measured by scikit-learn, or any number of labels, such as the notes
that sound (Bay, Ehmann & Downie 2009).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import datasets
import numpy as np
from transformers import EvalPrediction

from ..models.label_threshold import DEFAULT_LABEL_THRESHOLD
from .base import InMemoryMetric
from .classification import MultiOutputMetric
from .label_threshold import probabilities_of


__all__ = ["FrameMetric", "step_figures", "step_metrics_for"]


# What transformers.Trainer fills up shorter batches with, predictions and labels alike.
FILLED = -100
REGRESSION, MULTI = "regression", "multi_label_classification"


class FrameMetric(InMemoryMetric):
    """Precision, recall and F1 over all decisions of all frames (micro), as of several fundamental frequencies at
    once (Bay, Ehmann & Downie 2009, "Evaluation of multiple-F0 estimation and tracking systems", ISMIR).

    `compute(predictions, references, threshold=0.5)` takes probabilities, `(frames, labels)`, and 0 or 1,
    `(frames, labels)`, NaN where there is no target; a frame has the labels whose probability is at least the
    threshold. With TP the labels that are rightly said, FP those that are wrongly said, FN those that are missed, of
    all frames together, it returns `precision` TP / (TP + FP), `recall` TP / (TP + FN), `f1`
    2 TP / (2 TP + FP + FN) and `frame_accuracy` TP / (TP + FP + FN), which has no credit for silence. A quotient of
    nothing by nothing is 0.

    Example:
        >>> figures = FrameMetric().compute(predictions=[[0.9, 0.2], [0.6, 0.7]], references=[[1, 0], [0, 1]])
        >>> figures["f1"], figures["recall"]
        (0.8, 1.0)
    """

    input_type = datasets.Sequence(datasets.Value("float64"))
    libraries = ()

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        threshold: float = DEFAULT_LABEL_THRESHOLD,
    ) -> dict[str, float]:
        scores, truth = np.asarray(predictions, dtype=np.float64), np.asarray(references, dtype=np.float64)
        known = ~np.isnan(truth)
        if not np.all((scores[known] >= 0) & (scores[known] <= 1)):
            raise ValueError("`predictions` must be probabilities from 0 to 1, not logits")
        if not np.all((truth[known] == 0) | (truth[known] == 1)):
            raise ValueError("`references` must be 0 or 1 for every label, or NaN where there is no target")
        said, right = scores[known] >= threshold, truth[known] == 1
        hits, false, missed = (int(found.sum()) for found in (said & right, said & ~right, ~said & right))
        return {
            "precision": _share(hits, hits + false),
            "recall": _share(hits, hits + missed),
            "f1": _share(2 * hits, 2 * hits + false + missed),
            "frame_accuracy": _share(hits, hits + false + missed),
        }


def step_figures(
    outputs: np.ndarray,
    targets: np.ndarray,
    problem_type: str,
    label_names: Sequence[str],
    threshold: float = DEFAULT_LABEL_THRESHOLD,
) -> dict[str, float]:
    """Compute the figures of steps one below the other: those of [`MultiOutputMetric`] (`mse` first), or of
    [`FrameMetric`].

    Args:
        outputs: `(steps, outputs)`, numbers or logits. Steps without any target are left out.
        targets: `(steps, outputs)`, NaN where there is no target.
        problem_type: `"regression"` or `"multi_label_classification"`.
        label_names: The names of the outputs.
        threshold: The probability from which on a step has a label.

    Example:
        >>> figures = step_figures(np.array([[1.0], [3.0]]), np.array([[2.0], [np.nan]]), "regression", ["level"])
        >>> figures["mse"], figures["mae"]
        (1.0, 1.0)

    Raises:
        ValueError: no step has a target, or values are of the wrong kind.
    """
    kept = ~np.isnan(targets).all(axis=1)
    if not kept.any():
        raise ValueError("`targets` must be known at one step at least; all of them are NaN")
    outputs, targets = outputs[kept], targets[kept]
    if problem_type == REGRESSION:
        return MultiOutputMetric().compute(predictions=outputs, references=targets, names=list(label_names))
    return FrameMetric().compute(predictions=probabilities_of(outputs), references=targets, threshold=threshold)


def step_metrics_for(
    problem_type: str, label_names: Sequence[str], *, threshold: float = DEFAULT_LABEL_THRESHOLD
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what `Trainer(compute_metrics=...)` takes, for a token classifier's outputs `(rows, time, outputs)`.

    Labels are `(rows, time, outputs)`, or `(rows, time)` of one; NaN, and of several labels -100, where there is no
    target. Trainer fills up shorter batches with -100, labels and predictions alike: where all outputs of a step have
    it in both, that is no target either.

    Args:
        problem_type: `"regression"` or `"multi_label_classification"`.
        label_names: The names of the outputs, in the order of their ids.
        threshold: The probability from which on a step has a label.

    Example:
        >>> metrics = step_metrics_for("regression", ["level"])
        >>> metrics(EvalPrediction(np.array([[[1.0], [5.0]]]), np.array([[[3.0], [np.nan]]])))["mse"]
        4.0

    Raises:
        ValueError: `problem_type` is another.
        MissingExtraError: the library of the metric is not installed.
    """
    if problem_type not in (REGRESSION, MULTI):
        raise ValueError(f"`problem_type` must be {REGRESSION!r} or {MULTI!r}; it is {problem_type!r}")
    (MultiOutputMetric if problem_type == REGRESSION else FrameMetric).require_libraries()

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        found = evaluated.predictions
        outputs = np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float64)
        labels = np.asarray(evaluated.label_ids, dtype=np.float64).reshape(outputs.shape)
        filled = ((labels == FILLED) & (outputs == FILLED)).all(axis=-1, keepdims=True)
        unknown = filled | (labels == FILLED) if problem_type == MULTI else filled
        targets = np.where(unknown, np.nan, labels)
        width = outputs.shape[-1]
        return step_figures(
            outputs.reshape(-1, width), targets.reshape(-1, width), problem_type, label_names, threshold
        )

    return compute_metrics


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
