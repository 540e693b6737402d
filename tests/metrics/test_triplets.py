"""The share of triplets in order, beside a computation in numpy, by each of the measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn.metrics.triplets import triplet_figures


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(1) / lengths)


def nearness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray(-np.linalg.norm(first - second, axis=1))


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_each_measure_has_its_own_share(similarity: str) -> None:
    generator = np.random.default_rng(3)
    # Vectors of different lengths, which only one of the measures heeds.
    anchors, positives, negatives = (
        generator.normal(size=(200, 5)) * generator.uniform(0.1, 5, size=(200, 1)) for _ in range(3)
    )
    figures = triplet_figures(*map(torch.from_numpy, (anchors, positives, negatives)), similarity)
    wanted = {
        f"triplet_accuracy_{name}": float((by(anchors, positives) > by(anchors, negatives)).mean())
        for name, by in (("cosine", cosine), ("euclidean", nearness))
    }
    assert figures == pytest.approx({**wanted, "triplet_accuracy": wanted[f"triplet_accuracy_{similarity}"]})
    assert wanted["triplet_accuracy_cosine"] != wanted["triplet_accuracy_euclidean"]


def test_as_far_from_both_is_wrong() -> None:
    anchor, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert triplet_figures(anchor, other, other, "cosine")["triplet_accuracy"] == 0


def test_no_triplet_is_refused() -> None:
    none = torch.empty(0, 3)
    with pytest.raises(ValueError, match="`anchors` is empty"):
        triplet_figures(none, none, none, "cosine")
