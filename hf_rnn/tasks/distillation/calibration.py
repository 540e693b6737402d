"""Calibrates what teachers say on labelled rows that they have not learnt from, so that none outshouts the others."""

from __future__ import annotations

import numpy as np
import torch


__all__ = ["FLOOR", "LARGEST", "fit_line", "fit_odds", "fit_temperature", "log_probabilities"]


# The largest temperature that is looked at, and one by the smallest.
LARGEST = 50.0
# The logarithm of the smallest probability that counts: a teacher that rules a label out may be wrong.
FLOOR = -20.0


def log_probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """The logarithms of softmax(logits / temperature), (items, labels), none below `FLOOR`; NaN where logits are.

    Example:
        >>> log_probabilities(np.array([[0.0, 0.0]])).round(3).tolist()
        [[-0.693, -0.693]]
    """
    return np.maximum(_log_softmax(logits / temperature), FLOOR)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The number to divide logits by for the smallest cross-entropy with `labels` (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599, section 4.2).

    Args:
        logits: (items, labels), all finite.
        labels: (items), the true label of each.

    Returns:
        The temperature, from 1 / `LARGEST` to `LARGEST`; 1.0 where there are no items.

    Example:
        >>> odds = np.array([[0.0, 8.0], [0.0, 8.0], [0.0, 8.0], [0.0, 8.0]])
        >>> round(fit_temperature(odds, np.array([1, 1, 1, 0])), 2)  # 8 / log 3: it is right three times of four
        7.28
    """
    from scipy.optimize import minimize_scalar

    if not len(labels):
        return 1.0
    items = np.arange(len(labels))

    def cross_entropy(logarithm: float) -> float:
        return float(-_log_softmax(logits / np.exp(logarithm))[items, labels].mean())

    bound = float(np.log(LARGEST))
    found = minimize_scalar(cross_entropy, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def fit_odds(similarities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The slope and the intercept that make log-odds of similarities (Platt 1999), by logistic regression.

    Args:
        similarities: (pairs).
        labels: (pairs), 1 where the two texts are alike, else 0; both occur.

    Raises:
        ValueError: all labels are the same.
    """
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6, max_iter=1000).fit(similarities[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def fit_line(values: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """The slope and the intercept of the line from `values` to `scores`, both (pairs), by least squares."""
    slope, intercept = np.polyfit(values, scores, 1)
    return float(slope), float(intercept)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    found: np.ndarray = torch.log_softmax(torch.as_tensor(logits, dtype=torch.float64), dim=1).numpy()
    return found
