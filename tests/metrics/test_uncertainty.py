"""Wilson's interval, held equal to the definition and to scipy's."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from hf_rnn.metrics.uncertainty import wilson_interval


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (0, 10), (9, 10), (37, 99), (500, 1000)])
def test_it_is_that_of_scipy(hits: int, rows: int) -> None:
    expected = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("share", "rows", "name"), [(1.1, 5, "share"), (math.nan, 5, "share"), (0.5, 0, "rows")])
def test_values_out_of_range_are_named(share: float, rows: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`="):
        wilson_interval(share, rows)
