"""Forecasts that need no network: the last value, the last season, and a linear model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


__all__ = ["LinearForecaster", "filled_forward", "last_season", "last_value", "likely_seasons"]


# Steps of the moving average that DLinear takes for the trend.
TREND_STEPS = 25
# Strengths of the ridge that are tried, for windows of scaled values, each counted once.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)
# A season shows as a peak of the autocorrelation of at least this height.
LEAST_CORRELATION = 0.1


def last_value(past: np.ndarray, steps: int) -> np.ndarray:
    """(windows, steps, channels): the last value of each context (windows, time, channels) that is no NaN, again and
    again; 0 where there is none.
    """
    return np.repeat(filled_forward(past)[:, -1:], steps, axis=1)


def last_season(past: np.ndarray, steps: int, season: int) -> np.ndarray:
    """(windows, steps, channels): the last `season` steps of each context, again and again.

    Raises:
        ValueError: a season is longer than the contexts.
    """
    if not 1 <= season <= past.shape[1]:
        raise ValueError(
            f"`season_length`={season} must be from 1 to the length of the contexts, {past.shape[1]}, for a seasonal "
            "naive forecast."
        )
    places = np.arange(steps) % season
    return filled_forward(past)[:, past.shape[1] - season :][:, places]


def filled_forward(values: np.ndarray) -> np.ndarray:
    """(windows, time, channels) with the last value before in place of NaN; 0 where there is none before."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    steps = np.arange(values.shape[1])[None, :, None]
    last = np.maximum.accumulate(np.where(missing, -1, steps), axis=1)
    found = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last < 0, 0.0, found)


def likely_seasons(series: Sequence[np.ndarray], longest: int, count: int = 3) -> list[int]:
    """The lengths at which the autocorrelation of the differences peaks, the highest first.

    Args:
        series: Of each series (rows, channels), scaled; NaN where a value is missing.
        longest: The longest season that is looked for.
        count: How many are given, at most.
    """
    total = np.zeros(longest + 2)
    for values in series:
        # Differences have no trend, which would correlate with itself at every length.
        steps = np.diff(np.nan_to_num(values), axis=0)
        steps = steps - steps.mean(0, keepdims=True)
        lags = min(longest + 2, len(steps))
        spectrum = np.abs(np.fft.rfft(steps, 2 * len(steps), axis=0)) ** 2
        total[:lags] += np.fft.irfft(spectrum, axis=0)[:lags].sum(1)
    if total[0] <= 0:
        return []
    correlation = total / total[0]
    peaks = [
        lag
        for lag in range(2, longest + 1)
        if correlation[lag] >= max(correlation[lag - 1], correlation[lag + 1], LEAST_CORRELATION)
    ]
    return sorted(peaks, key=lambda lag: -correlation[lag])[:count]


class LinearForecaster:
    """A linear map from a context to all steps behind it, one for all channels: ridge regression on the trend (a
    moving average of 25 steps) and the rest, which DLinear trains by gradients (Zeng et al. 2023,
    https://arxiv.org/abs/2205.13504).

    Args:
        subtracts_last: Whether the last value of each context is taken from it and given back to the forecast (their
            NLinear).
    """

    def __init__(self, subtracts_last: bool = False) -> None:
        self.subtracts_last = subtracts_last
        self.weights: np.ndarray | None = None
        self._moments: np.ndarray | None = None
        self._context = 0

    def read(self, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """Sum up training windows: contexts (windows, time, channels) and what came (windows, steps, channels), both
        scaled. A window of a channel with NaN in what came is left out.
        """
        for past, future in batches:
            inputs, level = self._inputs(past)
            targets = np.swapaxes(future, 1, 2).reshape(len(inputs), -1) - level
            kept = ~np.isnan(targets).any(1)
            rows = np.concatenate([inputs, np.ones((len(inputs), 1)), targets], 1)[kept]
            self._context = past.shape[1]
            product = rows.T @ rows
            self._moments = product if self._moments is None else self._moments + product

    def solve(self, strength: float) -> None:
        """Find the weights that minimise the squared errors plus `strength` times the squared weights; the constant
        is free.

        Raises:
            ValueError: nothing was read.
        """
        if self._moments is None:
            raise ValueError("No training window has all of its targets, so no linear model can be fitted.")
        size = self._context
        split = _decomposition(size)
        # What the regression reads: trend and rest, and the constant.
        features = np.zeros((2 * size + 1, size + 1))
        features[: 2 * size, :size], features[-1, -1] = split, 1.0
        inner = self._moments[: size + 1, : size + 1]
        gram = features @ inner @ features.T
        ridge = np.diag([strength] * (2 * size) + [1e-8 * max(1.0, inner[-1, -1])])
        cross = features @ self._moments[: size + 1, size + 1 :]
        self.weights = features.T @ np.linalg.solve(gram + ridge, cross)

    def predict(self, past: np.ndarray) -> np.ndarray:
        """(windows, steps, channels) of contexts (windows, time, channels), scaled."""
        assert self.weights is not None
        inputs, level = self._inputs(past)
        found = inputs @ self.weights[:-1] + self.weights[-1] + level
        return np.swapaxes(found.reshape(len(past), past.shape[2], -1), 1, 2)

    def _inputs(self, past: np.ndarray) -> tuple[np.ndarray, Any]:
        """Each channel's context as a row, (windows * channels, time), and what is given back to its forecast."""
        rows = np.swapaxes(filled_forward(past), 1, 2).reshape(-1, past.shape[1]).astype(np.float64)
        level = rows[:, -1:].copy() if self.subtracts_last else 0.0
        return rows - level, level


def _decomposition(size: int) -> np.ndarray:
    """(2 * size, size): the matrix of the moving average, whose ends repeat the first and the last value, and the
    matrix of the rest.
    """
    trend, half = np.zeros((size, size)), TREND_STEPS // 2
    for row in range(size):
        for place in range(row - half, row + half + 1):
            trend[row, min(max(place, 0), size - 1)] += 1 / TREND_STEPS
    return np.concatenate([trend, np.eye(size) - trend])
