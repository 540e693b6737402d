"""Errors of forecasts, summed up batch by batch."""

from __future__ import annotations

import numpy as np
import pytest

from hf_rnn.metrics.series import SeriesErrors


def test_errors_are_means_over_the_targets_that_are_there_scaled_and_in_units() -> None:
    random = np.random.default_rng(0)
    targets, predicted = random.normal(size=(2, 50, 4, 2))
    targets[::7, 2, 1] = np.nan
    stds, levels = [2.0, 0.5], [0.1, 0.5, 0.9]
    quantiles = np.sort(random.normal(size=(50, 4, 2, 3)), -1)
    found = SeriesErrors(stds, levels)
    for part in (slice(0, 13), slice(13, 50)):
        found.add(predicted[part], targets[part], quantiles[part])
    kept = ~np.isnan(targets)
    errors = (targets - predicted)[kept]
    scaled = ((targets - predicted) / stds)[kept]
    missed = ((targets[..., None] - quantiles) / np.array(stds)[:, None])[kept]
    inside = ((targets >= quantiles[..., 0]) & (targets <= quantiles[..., 2]))[kept]
    expected = {
        "mse": (scaled**2).mean(),
        "mae": np.abs(scaled).mean(),
        "mse_in_units": (errors**2).mean(),
        "mae_in_units": np.abs(errors).mean(),
        "pinball": np.where(missed > 0, missed * levels, missed * (np.array(levels) - 1)).mean(),
        "coverage": inside.mean(),
    }
    assert found.figures() == pytest.approx(expected)


def test_without_quantiles_or_targets() -> None:
    errors = SeriesErrors([1.0])
    errors.add(np.zeros((1, 2, 1)), np.full((1, 2, 1), np.nan))
    with pytest.raises(ValueError, match="No window has a target"):
        errors.figures()
    errors.add(np.zeros((1, 2, 1)), np.ones((1, 2, 1)))
    assert errors.figures() == {"mse": 1.0, "mae": 1.0, "mse_in_units": 1.0, "mae_in_units": 1.0}
