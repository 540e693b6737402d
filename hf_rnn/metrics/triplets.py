"""How often an anchor is nearer to its positive than to its negative: what the triplet loss of Schroff et al. 2015
(https://arxiv.org/abs/1503.03832) asks for, without the margin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import EvalPrediction

from ..models.similarity import pairwise


__all__ = ["TRIPLET_ACCURACY", "triplet_figures", "triplet_metrics"]


TRIPLET_ACCURACY = "triplet_accuracy"
# The accuracy is also measured by each of these.
MEASURES = ("cosine", "euclidean")


def triplet_metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """What `Trainer(compute_metrics=...)` takes of triplets: `triplet_accuracy`.

    Args:
        evaluated: Its `predictions` are the similarities of the anchors to their positives and to their negatives, two
            arrays (triplets), as a `SiameseTrainer` hands them over.

    Example:
        >>> triplet_metrics(EvalPrediction((np.array([0.9, 0.1]), np.array([0.2, 0.1])), np.ones(2)))
        {'triplet_accuracy': 0.5}
    """
    to_positive, to_negative = (np.asarray(values) for values in evaluated.predictions)
    return {TRIPLET_ACCURACY: _share(to_positive > to_negative)}


def triplet_figures(
    anchors: torch.Tensor, positives: torch.Tensor, negatives: torch.Tensor, similarity: str
) -> dict[str, float]:
    """Measure the share of triplets whose anchor is more similar to its positive than to its negative; one that is as
    similar to both is wrong.

    Args:
        anchors, positives, negatives: Vectors (triplets, features).
        similarity: That of the network, see `models.similarity`.

    Returns:
        `triplet_accuracy` by `similarity`, `triplet_accuracy_cosine` and `triplet_accuracy_euclidean`.

    Example:
        >>> anchors, positives = torch.tensor([[1.0, 0.0]]), torch.tensor([[9.0, 1.0]])
        >>> triplet_figures(anchors, positives, torch.tensor([[0.0, 1.0]]), "cosine")
        {'triplet_accuracy': 1.0, 'triplet_accuracy_cosine': 1.0, 'triplet_accuracy_euclidean': 0.0}

    Raises:
        ValueError: there is no triplet.
    """
    if not len(anchors):
        raise ValueError("`anchors` is empty; it must have at least one triplet.")
    named = {TRIPLET_ACCURACY: similarity, **{f"{TRIPLET_ACCURACY}_{measure}": measure for measure in MEASURES}}
    return {
        name: _share(pairwise(anchors, positives, measure) > pairwise(anchors, negatives, measure))
        for name, measure in named.items()
    }


def _share(right: Any) -> float:
    return float(np.asarray(right, dtype=np.float64).mean())
