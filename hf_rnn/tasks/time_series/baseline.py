"""Measures forecasts that need no network on the windows of a run: last value, last season, a linear model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import numpy as np

from ...baselines.series import STRENGTHS, LinearForecaster, last_season, last_value, likely_seasons
from ...data.batches.series import SeriesWindows
from ...metrics.series import SeriesErrors
from ..beside import Baseline
from .building import SeriesSplits


__all__ = ["fit_last_season", "fit_last_value", "fit_linear"]


Key = TypeVar("Key")
# From scaled contexts (windows, time, channels) to scaled forecasts (windows, steps, channels).
Predict = Callable[[np.ndarray], np.ndarray]

# Windows that are computed at once.
BATCH = 512


def fit_last_value(splits: SeriesSplits, measured: Collection[str]) -> Baseline:
    """The last value of each context, at every step."""
    steps = splits.windows["train"].prediction_length
    return Baseline("naive (last value)", _figures(splits, measured, lambda past: last_value(past, steps)))


def fit_last_season(splits: SeriesSplits, season: int | None, measured: Collection[str]) -> Baseline:
    """The last season of each context, at every step.

    Args:
        season: Its rows; None: of the likeliest by the autocorrelation of the training rows the one that is best on
            validation, where there is one.

    Raises:
        ValueError: no season was found, or it is longer than a context.
    """
    steps = splits.windows["train"].prediction_length
    found = [season] if season is not None else _seasons(splits)
    if not found:
        raise ValueError(
            "no season was found in the training rows for a seasonal naive forecast; `season_length` says what it is."
        )

    def predict_by(length: int) -> Predict:
        return lambda past: last_season(past, steps, length)

    chosen = _best(splits, {length: predict_by(length) for length in found})
    return Baseline("seasonal naive", _figures(splits, measured, predict_by(chosen)), {"season_length": chosen})


def fit_linear(splits: SeriesSplits, measured: Collection[str]) -> Baseline:
    """A linear map from the context to all steps, whose strength of regularisation, and whether the last value is
    taken from each context, are chosen on validation, where there is one.

    Raises:
        ValueError: no training window has all of its targets.
    """
    candidates: dict[tuple[bool, float], Predict] = {}
    for subtracts in (False, True):
        model = LinearForecaster(subtracts)
        model.read(_scaled_batches(splits, splits.windows["train"]))
        for strength in STRENGTHS:
            candidates[subtracts, strength] = _solved(model, strength)
    chosen = _best(splits, candidates)
    options = {"subtracts_last_value": chosen[0], "strength": chosen[1]}
    name = "linear (ridge on DLinear's decomposition)"
    return Baseline(name, _figures(splits, measured, candidates[chosen]), options)


def _solved(model: LinearForecaster, strength: float) -> Predict:
    model.solve(strength)
    solved = LinearForecaster(model.subtracts_last)
    solved.weights = model.weights
    return solved.predict


def _seasons(splits: SeriesSplits) -> list[int]:
    means, stds = _scale(splits)
    parts = [
        (each.values[slice(*bound)] - means) / stds
        for each, bound in zip(splits.table.series, splits.bounds["train"], strict=True)
    ]
    return likely_seasons(parts, splits.context_length)


def _best(splits: SeriesSplits, candidates: dict[Key, Predict]) -> Key:
    """The candidate with the least squared error on validation; the first without validation."""
    if "validation" not in splits.windows or len(candidates) == 1:
        return next(iter(candidates))
    errors = {
        key: _figures(splits, ["validation"], predict)["validation"]["mse"] for key, predict in candidates.items()
    }
    return min(errors, key=lambda key: errors[key])


def _figures(splits: SeriesSplits, measured: Collection[str], predict: Predict) -> dict[str, dict[str, float]]:
    means, stds = _scale(splits)
    found = {}
    for split in measured:
        errors = SeriesErrors(splits.scales.stds)
        for past, future in _scaled_batches(splits, splits.windows[split]):
            errors.add(predict(past) * stds + means, future * stds + means)
        found[split] = errors.figures()
    return found


def _scaled_batches(splits: SeriesSplits, windows: SeriesWindows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    means, stds = _scale(splits)
    for start in range(0, len(windows), BATCH):
        rows = [windows[index] for index in range(start, min(start + BATCH, len(windows)))]
        past, future = (np.stack([row[name] for row in rows]) for name in ("past_values", "future_values"))
        yield (past - means) / stds, (future - means) / stds


def _scale(splits: SeriesSplits) -> tuple[np.ndarray, np.ndarray]:
    return np.array(splits.scales.means), np.array(splits.scales.stds)
