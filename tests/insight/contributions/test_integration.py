"""Integrated gradients along a line: exact where it is smooth, and as many steps as it takes where it is steep."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn.insight.contributions.integration import Line


START, END = torch.zeros(1, 1, 2, 1, dtype=torch.float64), torch.ones(1, 1, 2, 1, dtype=torch.float64)


def steep(points: torch.Tensor) -> torch.Tensor:
    # Rises by 1 within a thousandth of the line, and only by the second step's input.
    return torch.sigmoid((points[:, 0, 1, 0] - 0.2631) * 5000) + 0.1 * points[:, 0, 0, 0]


def test_a_polynomial_is_exact() -> None:
    line = Line(lambda points: points.flatten(1).prod(1) * 3, START, 2 * END, together=100)
    found = line.integrate(5, 5, 0.01)
    np.testing.assert_allclose(found.values, [[6, 6]], rtol=1e-6)
    assert (found.start, found.end, found.steps) == (0, 12, 5)
    assert found.error < 1e-6


def test_steps_are_added_where_the_line_is_steep() -> None:
    found = Line(steep, START, END, together=7).integrate(20, 800, 0.01)
    np.testing.assert_allclose(found.values, [[0.1, 1]], atol=0.011)
    assert 20 < found.steps <= 300
    assert found.error <= 0.01


def test_no_more_steps_than_are_allowed() -> None:
    found = Line(steep, START, END, together=7).integrate(20, 59, 0.01)
    assert found.steps == 40
    assert found.error > 0.5


@pytest.mark.parametrize("together", [1, 3, 5, 1000])
def test_the_points_of_a_batch_are_bounded(together: int) -> None:
    sizes: list[int] = []

    def score(points: torch.Tensor) -> torch.Tensor:
        sizes.append(len(points))
        return points.square().sum((1, 2, 3))

    found = Line(score, START, END, together).integrate(20, 20, 0.01)
    np.testing.assert_allclose(found.values, [[1, 1]], rtol=1e-6)
    assert max(sizes) <= together


def test_contributions_that_cancel_out_err_by_a_share_of_their_sizes() -> None:
    def score(points: torch.Tensor) -> torch.Tensor:
        return points[:, 0, 0, 0] - points[:, 0, 1, 0]

    found = Line(score, START, END, together=10).integrate(5, 5, 0.01)
    assert found.whole == pytest.approx(0.02)
    assert found.error < 1e-6


def test_where_nothing_contributes_there_is_no_error() -> None:
    found = Line(lambda points: points.sum((1, 2, 3)), START, START, together=10).integrate(5, 5, 0.01)
    assert found.error == 0
    assert not found.values.any()
