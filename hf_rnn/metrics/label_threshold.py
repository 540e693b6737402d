"""The threshold of the labels where a text may have several, chosen on rows whose labels are known.

With probabilities that are right, the best F1 is that of the threshold F1 / 2, the same for every label (Lipton et al.
2014, https://arxiv.org/abs/1402.1892), which is below 0.5. One threshold for all labels needs few rows to be found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models.label_threshold import DEFAULT_LABEL_THRESHOLD


__all__ = ["best_label_threshold", "probabilities_of"]


def probabilities_of(logits: np.ndarray) -> np.ndarray:
    """Compute the probability of each label from its logit, in the shape of `logits`."""
    # The sigmoid as a tanh: exp(-x) overflows for large negative logits.
    return (1 + np.tanh(np.asarray(logits, dtype=np.float64) / 2)) / 2


def best_label_threshold(probabilities: Any, references: Any) -> float:
    """Choose the threshold with the highest F1 over all decisions (`f1_micro`), a text having the labels whose
    probability is at least the threshold. It lies half way between two neighbouring probabilities, or half way between
    the lowest and 0; of equally good ones the nearest to 0.5 is taken.

    Args:
        probabilities, references: (texts, labels); the references are 1, the text has the label, or 0.

    Returns:
        The threshold; 0.5 where no text has a label, because no F1 is defined then.

    Example:
        >>> best_label_threshold([[0.5, 0.25], [0.125, 0.375]], [[1, 1], [0, 1]])
        0.1875

    Raises:
        ValueError: the shapes differ.
    """
    scores, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(references)
    if scores.shape != truth.shape:
        raise ValueError(
            f"`probabilities` has the shape {scores.shape} and `references` {truth.shape}; they must be the same."
        )
    order = np.argsort(-scores, axis=None, kind="stable")
    scores, present = scores.ravel()[order], truth.ravel()[order].astype(np.int64)
    if not present.any():
        return DEFAULT_LABEL_THRESHOLD
    # One candidate after each distinct probability: all decisions up to it are for the label.
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    f1 = 2 * np.cumsum(present)[last] / (last + 1 + present.sum())
    thresholds = (scores[last] + np.append(scores[last[1:]], 0.0)) / 2
    best = thresholds[f1 == f1.max()]
    return float(best[np.abs(best - DEFAULT_LABEL_THRESHOLD).argmin()])
