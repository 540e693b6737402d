"""What similarities are worth: of labelled pairs, of scored pairs, and of duplicates that are to be found among many.

scikit-learn and scipy compute what they have.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import datasets
import numpy as np
import torch

from ..data.batches.duplicates import duplicate_groups
from ..models.similarity import matrix
from .base import InMemoryMetric


__all__ = [
    "THRESHOLD_METRICS",
    "PairClassificationMetric",
    "ScoreCorrelationMetric",
    "best_threshold",
    "matching_figures",
    "retrieval_figures",
]


# A threshold can be chosen by these; each is the best where it is highest.
THRESHOLD_METRICS = ("accuracy", "balanced_accuracy", "f1")
# Ranks at which retrieval is measured.
RANKS = (1, 5, 10)
# Queries whose similarities to all texts are held at a time.
QUERY_BLOCK = 256


class PairClassificationMetric(InMemoryMetric):
    """Whether similarities tell pairs with the label 1 from those with 0.

    `compute(predictions, references, threshold=None, threshold_metric="accuracy")` takes similarities and labels
    `(pairs,)`. It returns `average_precision` and `roc_auc`, which need no threshold, and with "alike" said from the
    threshold on `accuracy`, `balanced_accuracy`, `precision`, `recall` and `f1`. Without a `threshold` it takes the
    best one of these very pairs ([`best_threshold`]), which is of use on validation data only. Precision where nothing
    is said to be alike is 0.

    Example:
        >>> figures = PairClassificationMetric().compute(predictions=[0.9, 0.4, 0.1], references=[1, 1, 0])
        >>> figures["roc_auc"], figures["accuracy"]
        (1.0, 1.0)
    """

    input_type = datasets.Value("float64")

    def _compute(
        self,
        predictions: Sequence[float],
        references: Sequence[int],
        threshold: float | None = None,
        threshold_metric: str = "accuracy",
    ) -> dict[str, float]:
        from sklearn.metrics import (
            accuracy_score,
            average_precision_score,
            balanced_accuracy_score,
            precision_recall_fscore_support,
            roc_auc_score,
        )

        similarities, labels = _checked(predictions, references)
        if threshold is None:
            threshold = best_threshold(similarities, labels, threshold_metric)
        alike = similarities >= threshold
        precision, recall, f1, _ = precision_recall_fscore_support(labels, alike, average="binary", zero_division=0.0)
        return {
            "accuracy": float(accuracy_score(labels, alike)),
            "balanced_accuracy": float(balanced_accuracy_score(labels, alike)),
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "average_precision": float(average_precision_score(labels, similarities)),
            "roc_auc": float(roc_auc_score(labels, similarities)),
        }


class ScoreCorrelationMetric(InMemoryMetric):
    """Whether similarities are in the order of graded scores.

    `compute(predictions, references)` takes similarities and scores `(pairs,)`; returns `spearman` and `pearson`.
    Similarities that are all the same are correlated with nothing: both are 0.

    Example:
        >>> figures = ScoreCorrelationMetric().compute(predictions=[0.1, 0.5, 0.6], references=[0.0, 3.0, 5.0])
        >>> round(figures["spearman"], 4)
        1.0
    """

    input_type = datasets.Value("float64")

    def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
        from scipy.stats import pearsonr, spearmanr

        if np.ptp(predictions) == 0 or np.ptp(references) == 0:
            return {"spearman": 0.0, "pearson": 0.0}
        return {
            "spearman": float(spearmanr(predictions, references).statistic),
            "pearson": float(pearsonr(predictions, references).statistic),
        }


def best_threshold(similarities: Any, labels: Any, metric: str) -> float:
    """Choose the threshold with the highest `metric` on these pairs, alike being said from the threshold on; of equal
    ones the highest. It lies half way between two neighbouring similarities, or at the lowest of them.

    Args:
        similarities, labels: (pairs); labels are 1, alike, or 0.
        metric: One of `THRESHOLD_METRICS`.

    Example:
        >>> best_threshold([0.9, 0.5, 0.25, 0.0], [1, 1, 0, 0], "accuracy")
        0.375

    Raises:
        ValueError: another `metric`, labels that are neither 0 nor 1 or all the same, or a similarity that is no
            finite number.
    """
    if metric not in THRESHOLD_METRICS:
        raise ValueError(f"`threshold_metric`={metric!r} must be one of {', '.join(map(repr, THRESHOLD_METRICS))}.")
    similarities, labels = _checked(similarities, labels)
    order = np.argsort(-similarities, kind="stable")
    similarities, labels = similarities[order], labels[order]
    # One candidate after each distinct similarity: all pairs up to it are said to be alike.
    last = np.flatnonzero(np.append(similarities[1:] != similarities[:-1], True))
    hits = np.cumsum(labels)[last]
    said = last + 1
    positives, negatives = labels.sum(), len(labels) - labels.sum()
    false_alarms = said - hits
    values = {
        "accuracy": (hits + negatives - false_alarms) / len(labels),
        "balanced_accuracy": (hits / positives + 1 - false_alarms / negatives) / 2,
        "f1": 2 * hits / (said + positives),
    }[metric]
    chosen = int(np.argmax(values))
    lowest_alike = float(similarities[last[chosen]])
    if chosen + 1 == len(last):
        return lowest_alike
    highest_other = float(similarities[last[chosen] + 1])
    # float32, in which the similarities of a network are compared with it.
    middle = float(np.float32((lowest_alike + highest_other) / 2))
    return middle if highest_other < middle <= lowest_alike else lowest_alike


def retrieval_figures(
    vectors: torch.Tensor, texts: Sequence[Hashable], pairs: Sequence[tuple[Hashable, Hashable]], similarity: str
) -> dict[str, float]:
    """Measure how well each text that has a known duplicate finds it among all texts: `recall_at_1`, `recall_at_5` and
    `recall_at_10`, the share of its duplicates that are among the most similar, and `mrr`, the mean of one over the
    rank of the first of them. Of equally similar texts the duplicates count last, so that an encoder which tells
    nothing apart does not shine.

    Args:
        vectors: (texts, features).
        texts: Different ones.
        pairs: Known duplicates among them; those of duplicates are duplicates, too.
        similarity: The similarity of two vectors, see `models.similarity`.

    Example:
        >>> vectors = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> retrieval_figures(vectors, ["a", "b", "c"], [("a", "b")], "cosine")["recall_at_1"]
        1.0

    Raises:
        ValueError: no pair has two different texts.
    """
    place = {text: index for index, text in enumerate(texts)}
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    if not pairs:
        raise ValueError("`pairs` must have a pair of two different texts, or there is nothing to find.")
    group = torch.full((len(texts),), -1)
    for (first, second), number in zip(pairs, duplicate_groups(pairs), strict=True):
        group[[place[first], place[second]]] = number
    queries = (group >= 0).nonzero().squeeze(1)
    totals = dict.fromkeys([f"recall_at_{rank}" for rank in RANKS] + ["mrr"], 0.0)
    for block in queries.split(QUERY_BLOCK):
        scores = matrix(vectors[block], vectors, similarity)
        relevant = group[block].unsqueeze(1) == group.unsqueeze(0)
        rows = torch.arange(len(block))
        relevant[rows, block] = False
        scores[rows, block] = -math.inf
        for row_scores, row_relevant in zip(scores, relevant, strict=True):
            ranks = _ranks(row_scores, row_relevant)
            totals["mrr"] += 1 / int(ranks[0])
            for rank in RANKS:
                totals[f"recall_at_{rank}"] += (ranks <= rank).float().mean().item()
    return {name: total / len(queries) for name, total in totals.items()}


def matching_figures(
    first: torch.Tensor, second: torch.Tensor, pairs: Sequence[tuple[Hashable, Hashable]], similarity: str
) -> dict[str, float]:
    """Measure how well each first text of pairs that are alike finds a second text of its own among all second texts:
    `accuracy_at_1`, the share that have one as the most similar, and `mrr`, the mean of one over the rank of the best.

    The similarities of all are computed. A text is not searched for itself, unless that is its pair; of equally
    similar texts its own count last.

    Args:
        first, second: (pairs, features).
        pairs: The two texts of each row, or what stands for them.
        similarity: Of two vectors, see `models.similarity`.

    Example:
        >>> first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> second = torch.tensor([[0.9, 0.1], [1.0, 0.1]])
        >>> matching_figures(first, second, [("a", "x"), ("b", "y")], "cosine")
        {'accuracy_at_1': 0.0, 'mrr': 0.5}

    Raises:
        ValueError: there is no pair.
    """
    if not pairs:
        raise ValueError("`pairs` must not be empty, or there is nothing to find.")
    queries = {pair[0]: row for row, pair in reversed(list(enumerate(pairs)))}
    found = {pair[1]: row for row, pair in reversed(list(enumerate(pairs)))}
    place = {text: index for index, text in enumerate(found)}
    own: dict[Hashable, list[int]] = {text: [] for text in queries}
    for text, other in pairs:
        own[text].append(place[other])
    candidates = second[list(found.values())]
    hits, reciprocal = 0, 0.0
    texts = list(queries)
    for start in range(0, len(texts), QUERY_BLOCK):
        block = texts[start : start + QUERY_BLOCK]
        scores = matrix(first[[queries[text] for text in block]], candidates, similarity)
        for text, row_scores in zip(block, scores, strict=True):
            relevant = torch.zeros(len(candidates), dtype=torch.bool)
            relevant[own[text]] = True
            if text in place and place[text] not in own[text]:
                row_scores[place[text]] = -math.inf
            rank = int(_ranks(row_scores, relevant)[0])
            hits += rank == 1
            reciprocal += 1 / rank
    return {"accuracy_at_1": hits / len(texts), "mrr": reciprocal / len(texts)}


def _ranks(scores: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
    # The ranks of the relevant texts, the best first.
    own = scores[relevant].sort(descending=True).values
    others = scores[~relevant]
    return (others.unsqueeze(0) >= own.unsqueeze(1)).sum(1) + torch.arange(1, len(own) + 1)


def _checked(similarities: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    similarities, labels = np.asarray(similarities, dtype=np.float64), np.asarray(labels)
    if not np.isfinite(similarities).all():
        raise ValueError("`predictions` holds NaN or infinity; similarities must be finite numbers.")
    other = labels[(labels != 0) & (labels != 1)]
    if len(other):
        raise ValueError(f"`references` holds {other[0]}; labels must be 1, alike, or 0.")
    if labels.min() == labels.max():
        raise ValueError(f"`references` holds {labels.min():g} alone; both labels must occur.")
    return similarities, labels.astype(np.int64)
