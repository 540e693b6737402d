"""Figures as people see them: small errors keep their digits."""

from __future__ import annotations

import pytest

from hf_rnn.metrics.base import shown_figure


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.91236, "0.9124"), (19597.7341, "19597.7341"), (0.0000213, "2.13e-05"), (-0.0004, "-0.0004"), (0, "0.0000")],
)
def test_no_figure_is_shown_as_nothing(value: float, shown: str) -> None:
    assert shown_figure(value) == shown
