"""What is made of a graph's outputs, by numpy alone: probabilities, similarities, the best paths of a CRF.

This file lies beside `runtime.py`, which imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


__all__ = ["FUNCTIONS", "SIMILARITIES", "max_marginals", "softmax", "unit_length"]


def max_marginals(
    emissions: np.ndarray, start: Sequence[float], transition: Sequence[Sequence[float]], end: Sequence[float]
) -> np.ndarray:
    """The score of the best path through each state at each step, less that of the best path of all (steps, states): 0
    on the Viterbi path.

    Args:
        emissions: (steps, states), of at least one step.
        start, transition, end: The scores of the CRF, (states), (states before, states after), (states).
    """
    rules = [np.asarray(rule, dtype=emissions.dtype) for rule in (start, transition, end)]
    forward, backward = np.empty_like(emissions), np.empty_like(emissions)
    forward[0], backward[-1] = rules[0] + emissions[0], rules[2] + emissions[-1]
    for t in range(1, len(emissions)):
        forward[t] = (forward[t - 1][:, None] + rules[1]).max(axis=0) + emissions[t]
        backward[-1 - t] = (backward[-t][None] + rules[1]).max(axis=1) + emissions[-1 - t]
    through = forward + backward - emissions
    return through - through.max(axis=1, keepdims=True)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(logits))  # The exponent is never above 0, so that nothing overflows.
    return np.where(logits >= 0, 1, small) / (1 + small)


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Vectors (…, features) divided by their lengths; the zero vector stays what it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {"softmax": softmax, "sigmoid": _sigmoid, "none": np.asarray}
# (pairs, features) of each to (pairs); the equations are in hf_rnn's `models.similarity`.
SIMILARITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": lambda a, b: (unit_length(a) * unit_length(b)).sum(axis=1),
    "dot": lambda a, b: (a * b).sum(axis=1),
    "euclidean": lambda a, b: -np.linalg.norm(a - b, axis=1),
    "manhattan": lambda a, b: np.exp(-np.abs(a - b).sum(axis=1)),
}
