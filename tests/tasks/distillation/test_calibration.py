"""Temperatures, odds and lines that calibrate teachers, against other ways to find them."""

from __future__ import annotations

import numpy as np
import pytest

from hf_rnn.tasks.distillation.calibration import (
    FLOOR,
    LARGEST,
    fit_line,
    fit_odds,
    fit_temperature,
    log_probabilities,
)


def drawn(scale: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `scale` times those that the labels were drawn by, and the labels."""
    generator = np.random.default_rng(0)
    true = generator.normal(size=(count, 3)) * 2
    chances = np.exp(true) / np.exp(true).sum(1, keepdims=True)
    labels = (chances.cumsum(1) < generator.random((count, 1))).sum(1)
    return scale * true, labels


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_the_temperature_undoes_what_made_a_teacher_too_sure(scale: float) -> None:
    logits, labels = drawn(scale)
    assert fit_temperature(logits, labels) == pytest.approx(scale, rel=0.06)


def test_the_temperature_has_the_smallest_cross_entropy_of_a_grid() -> None:
    logits, labels = drawn(3.0, 200)

    def cross_entropy(temperature: float) -> float:
        chances = np.exp(logits / temperature)
        return float(-np.log(chances[range(len(labels)), labels] / chances.sum(1)).mean())

    grid = np.exp(np.linspace(-2, 3, 2001))
    best = grid[np.argmin([cross_entropy(value) for value in grid])]
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=0.01)


def test_the_temperature_stays_within_bounds() -> None:
    logits = np.array([[0.0, 4.0], [4.0, 0.0]])
    # Who is always right may be as sure as can be.
    assert 1 / LARGEST <= fit_temperature(logits, np.array([1, 0])) < 0.1
    assert fit_temperature(logits, np.array([0, 1])) == pytest.approx(LARGEST, rel=0.05)
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int)) == 1.0


def test_logarithms_are_those_of_probabilities_with_a_floor() -> None:
    found = log_probabilities(np.array([[1.0, 3.0], [0.0, 1000.0], [np.nan, np.nan]]), 2.0)
    np.testing.assert_allclose(np.exp(found[0]), np.array([1, np.e]) / (1 + np.e))
    assert found[1].tolist() == [FLOOR, 0.0]
    assert np.isnan(found[2]).all()


def test_odds_are_those_that_made_the_labels() -> None:
    generator = np.random.default_rng(1)
    similarities = generator.uniform(-1, 1, 20_000)
    labels = (generator.random(20_000) < 1 / (1 + np.exp(-(6 * similarities - 1.5)))).astype(int)
    assert fit_odds(similarities, labels) == pytest.approx((6, -1.5), rel=0.05)


def test_the_line_is_that_of_the_scores() -> None:
    values = np.array([0.0, 0.5, 1.0])
    assert fit_line(values, 3 * values - 1) == pytest.approx((3, -1))
