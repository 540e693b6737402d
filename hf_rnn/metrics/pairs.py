"""What a siamese network's similarities, and a classifier of pairs, are worth: the metrics of `Trainer` for pairs.

scikit-learn and scipy compute them, and Reimers & Gurevych 2019 (https://arxiv.org/abs/1908.10084) measure so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import EvalPrediction

from .names import CLASSIFIER
from .similarity import PairClassificationMetric, ScoreCorrelationMetric, matching_figures


__all__ = ["matching_metrics_for", "pair_figures", "predicted_scores", "similarity_metrics_for"]


def similarity_metrics_for(
    kind: str, threshold_metric: str = "accuracy"
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what `Trainer(compute_metrics=...)` takes of a siamese network.

    Args:
        kind: What the labels are: `"labels"`, 0 and 1, or `"scores"`.
        threshold_metric: The metric by which the threshold is chosen that is best on the pairs themselves:
            `"accuracy"`, `"balanced_accuracy"` or `"f1"`.

    Returns:
        A function of transformers' `EvalPrediction`, which returns what [`pair_figures`] does.

    Example:
        >>> metrics = similarity_metrics_for("labels")
        >>> metrics(EvalPrediction(predictions=np.array([0.9, 0.1]), label_ids=np.array([1, 0])))["roc_auc"]
        1.0

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    PairClassificationMetric.require_libraries()

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        similarities, log_odds = predicted_scores(evaluated.predictions)
        return pair_figures(kind, similarities, log_odds, evaluated.label_ids, threshold_metric=threshold_metric)

    return compute_metrics


def matching_metrics_for(
    pairs: Sequence[tuple[Hashable, Hashable]], similarity: str
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make what `Trainer(compute_metrics=...)` takes where all pairs are alike: [`matching_figures`] of the embeddings
    that a `SiameseTrainer` with `predicts_embeddings` hands over.

    Args:
        pairs: The texts of the rows that are evaluated, in their order.
        similarity: That of the network.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> metrics = matching_metrics_for([("a", "x"), ("b", "y")], "cosine")
        >>> metrics(EvalPrediction(predictions=(np.ones(2), vectors, vectors), label_ids=np.ones(2)))
        {'accuracy_at_1': 1.0, 'mrr': 1.0}
    """

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        first, second = (torch.as_tensor(vectors) for vectors in evaluated.predictions[-2:])
        return matching_figures(first, second, pairs, similarity)

    return compute_metrics


def predicted_scores(predictions: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Take the similarities (pairs) out of what a network predicted and, of a classifier, the logarithms of the odds
    that its pairs are alike.

    Args:
        predictions: Similarities (pairs), or a classifier's logits (pairs, 2) and similarities (pairs). A classifier
            with one logit scores its pairs: its scores (pairs) are taken for the similarities.

    Example:
        >>> predicted_scores((np.array([[0.0, 2.0]]), np.array([0.5])))
        (array([0.5]), array([2.]))
    """
    if not isinstance(predictions, tuple):
        return np.asarray(predictions, dtype=np.float64), None
    logits, similarities = (np.asarray(values, dtype=np.float64) for values in predictions)
    if logits.shape[1] == 1:
        return logits[:, 0], None
    return similarities, logits[:, 1] - logits[:, 0]


def pair_figures(
    kind: str,
    similarities: np.ndarray,
    log_odds: np.ndarray | None,
    labels: Any,
    *,
    threshold: float | None = None,
    odds_threshold: float | None = None,
    threshold_metric: str = "accuracy",
) -> dict[str, float]:
    """Measure the similarities of pairs and, with `classifier_` before the names of the figures, a classifier of
    pairs.

    Args:
        kind: `"labels"` for [`PairClassificationMetric`], `"scores"` for [`ScoreCorrelationMetric`].
        similarities: (pairs).
        log_odds: (pairs), a classifier's logarithms of the odds of "alike"; None: there is no classifier.
        labels: (pairs), 1, alike, or 0; or scores.
        threshold, odds_threshold: The score from which on pairs are said to be alike; None: the best of these pairs.
        threshold_metric: The metric by which the best threshold is chosen.

    Example:
        >>> figures = pair_figures("scores", np.array([0.1, 0.5, 0.7]), None, [0.0, 3.0, 5.0])
        >>> round(figures["spearman"], 6)
        1.0
    """
    if kind == "scores":
        return ScoreCorrelationMetric().compute(predictions=similarities, references=labels)
    metric = PairClassificationMetric()
    figures = metric.compute(
        predictions=similarities, references=labels, threshold=threshold, threshold_metric=threshold_metric
    )
    if log_odds is None:
        return figures
    of_classifier = metric.compute(
        predictions=log_odds, references=labels, threshold=odds_threshold, threshold_metric=threshold_metric
    )
    return figures | {CLASSIFIER + name: value for name, value in of_classifier.items()}
