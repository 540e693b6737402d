"""The scales of the two parts of a classifier have the least loss, found by a grid, and never less than nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hf_rnn.models.losses import classification_loss
from hf_rnn.training.techniques.wide_scales import PULL, fit_scales


SINGLE, SEVERAL, NUMBER = "single_label_classification", "multi_label_classification", "regression"


def parts_of(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of two parts that are right to a different degree, and the labels."""
    generator = np.random.default_rng(0)
    if kind == NUMBER:
        labels = generator.normal(size=(80, 1)) * 100
        noise = generator.normal(size=(2, 80, 1)) * np.array([40, 80]).reshape(2, 1, 1)
        return labels + noise[0], labels + noise[1], labels
    classes = generator.integers(0, 3, size=80)
    one_hot = np.eye(3)[classes]
    deep, wide = (3 * one_hot + generator.normal(size=(80, 3)) * spread for spread in (4, 2))
    return deep, wide, classes if kind == SINGLE else one_hot


@pytest.mark.parametrize("kind", [SINGLE, SEVERAL, NUMBER])
def test_scales_have_the_least_loss_of_a_grid(kind: str) -> None:
    deep, wide, labels = parts_of(kind)
    unit = labels.var() if kind == NUMBER else 1.0

    def cost(first: float, second: float) -> float:
        logits = torch.as_tensor(first * deep + second * wide)
        loss = float(classification_loss(logits, torch.as_tensor(labels), kind, 1)) / unit
        return loss + PULL / 2 * ((first - 0.5) ** 2 + (second - 0.5) ** 2)

    grid = np.linspace(0, 2, 81)
    found = fit_scales(deep, wide, labels, kind)
    least = min(itertools.product(grid, grid), key=lambda scales: cost(*scales))
    np.testing.assert_allclose(found, least, atol=0.02)
    assert cost(*found) <= cost(*least) + 1e-6


def test_a_part_that_is_wrong_counts_nothing() -> None:
    deep, wide, labels = parts_of(SINGLE)
    scales = fit_scales(-deep, wide, labels, SINGLE)
    assert scales[0] == 0 and scales[1] > 0
    assert fit_scales(-20 * deep, -20 * wide, labels, SINGLE) == (0.5, 0.5)


def test_few_texts_leave_the_mean_of_both() -> None:
    deep, wide, labels = parts_of(SINGLE)
    found = fit_scales(deep[:1] * 1e-3, wide[:1] * 1e-3, labels[:1], SINGLE)
    np.testing.assert_allclose(found, (0.5, 0.5), atol=0.01)
