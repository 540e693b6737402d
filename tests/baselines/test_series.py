"""Forecasts that need no network, beside scikit-learn, and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from hf_rnn.baselines.series import LinearForecaster, filled_forward, last_season, last_value, likely_seasons


def test_the_last_value_and_the_last_season_pass_over_what_is_missing() -> None:
    past = np.array([[[1.0], [2.0], [3.0], [np.nan]], [[np.nan], [5.0], [6.0], [7.0]]])
    np.testing.assert_array_equal(filled_forward(past)[..., 0], [[1, 2, 3, 3], [0, 5, 6, 7]])
    np.testing.assert_array_equal(last_value(past, 2)[..., 0], [[3, 3], [7, 7]])
    np.testing.assert_array_equal(last_season(past, 5, 3)[..., 0], [[2, 3, 3, 2, 3], [5, 6, 7, 5, 6]])
    with pytest.raises(ValueError, match="`season_length`=5 must be from 1 to the length of the contexts, 4"):
        last_season(past, 2, 5)


def test_the_season_is_found_under_a_trend_and_none_in_noise() -> None:
    steps, random = np.arange(400), np.random.default_rng(0)
    values = (np.sin(2 * np.pi * steps / 24) + 0.05 * steps + 0.1 * random.normal(size=400))[:, None]
    assert likely_seasons([values], 100)[0] == 24
    # Differences of noise correlate at a distance of one alone.
    assert likely_seasons([random.normal(size=(4000, 1))], 50) == []
    assert likely_seasons([np.ones((50, 1))], 20) == []


@pytest.mark.parametrize("subtracts", [False, True])
def test_the_linear_model_is_ridge_regression_on_trend_and_rest(subtracts: bool) -> None:
    random = np.random.default_rng(1)
    past, future = random.normal(size=(200, 30, 2)), random.normal(size=(200, 4, 2))
    model = LinearForecaster(subtracts)
    model.read([(past[:90], future[:90]), (past[90:], future[90:])])
    model.solve(10.0)
    rows, targets = (np.swapaxes(each, 1, 2).reshape(400, -1) for each in (past, future))
    level = rows[:, -1:] if subtracts else 0.0
    rows, targets = rows - level, targets - level
    # The moving average of DLinear's code: the ends repeated, then a mean of 25.
    padded = np.concatenate([np.repeat(rows[:, :1], 12, 1), rows, np.repeat(rows[:, -1:], 12, 1)], 1)
    trend = np.stack([padded[:, place : place + 25].mean(1) for place in range(30)], 1)
    other = Ridge(10.0).fit(np.concatenate([trend, rows - trend], 1), targets)
    expected = other.predict(np.concatenate([trend, rows - trend], 1)) + level
    found = np.swapaxes(model.predict(past), 1, 2).reshape(400, -1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_windows_whose_targets_are_missing_are_left_out() -> None:
    random = np.random.default_rng(2)
    past, future = random.normal(size=(50, 8, 1)), random.normal(size=(50, 2, 1))
    spoilt = future.copy()
    spoilt[30:, 1] = np.nan
    models = [LinearForecaster(), LinearForecaster()]
    models[0].read([(past, spoilt)])
    models[1].read([(past[:30], future[:30])])
    for model in models:
        model.solve(1.0)
    np.testing.assert_allclose(models[0].predict(past), models[1].predict(past))
    with pytest.raises(ValueError, match="No training window"):
        LinearForecaster().solve(1.0)
