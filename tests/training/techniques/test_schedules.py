"""The slanted triangular schedule, against the paper's formula worked out by hand."""

from __future__ import annotations

import pytest

from hf_rnn.training.techniques.schedules import slanted_triangular


# T = 100: cut = 10; p = 0, 1/2, 1, 1 - 45/90, 1 - 89/90; (1 + 31 p) / 32. At T itself, after the last step, p = 0.
@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 1 / 32), (5, 16.5 / 32), (10, 1.0), (55, 16.5 / 32), (99, (1 + 31 / 90) / 32), (100, 1 / 32)],
)
def test_formula_by_hand(step: int, factor: float) -> None:
    assert slanted_triangular(step, 100) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5, 9, 10, 19, 101])
def test_any_number_of_steps_rises_and_falls_between_its_bounds(steps: int) -> None:
    factors = [slanted_triangular(step, steps) for step in range(steps)]
    assert factors[0] == 1 / 32
    assert all(1 / 32 <= factor <= 1 for factor in factors)
    if steps > 1:
        assert max(factors) == 1 and slanted_triangular(steps, steps) == 1 / 32
        top = factors.index(1)
        assert top == max(1, steps // 10)
        assert factors == sorted(factors[:top]) + sorted(factors[top:], reverse=True)
