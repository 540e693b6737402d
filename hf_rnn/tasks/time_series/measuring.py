"""Measures a model of time series on every window of a part of the time, and draws one of its forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...data.batches.series import SeriesWindows
from ...inference.series import forecast_windows
from ...metrics.series import SeriesErrors
from ...models.modeling_series import RecurrentForTimeSeriesPrediction
from ...runs.forecasts import FORECAST_FILE, plot_forecast
from ...training.trainer import RecurrentTrainer


__all__ = ["band_of", "measure_splits", "series_figures"]


def measure_splits(
    trainer: RecurrentTrainer, windows: Mapping[str, SeriesWindows], output: Path
) -> dict[str, dict[str, float]]:
    """The figures of the splits that the arguments ask for: validation with `do_eval`, test with `do_predict`. The
    last window of the last of them is drawn, as `forecast.png`.
    """
    model: RecurrentForTimeSeriesPrediction = trainer.accelerator.unwrap_model(trainer.model)
    wanted = {"validation": trainer.args.do_eval, "test": trainer.args.do_predict}
    measured = {split: windows[split] for split in wanted if wanted[split] and split in windows}
    batch_size = trainer.args.per_device_eval_batch_size
    metrics = {split: series_figures(model, each, batch_size) for split, each in measured.items()}
    if measured and trainer.is_world_process_zero():
        split, last = list(measured.items())[-1]
        draw_window(model, last, len(last) - 1, output / FORECAST_FILE, f"the last window of {split}")
    return metrics


def series_figures(
    model: RecurrentForTimeSeriesPrediction, windows: SeriesWindows, batch_size: int
) -> dict[str, float]:
    """The errors of a model over all windows, see [`SeriesErrors`].

    Raises:
        ValueError: no window has a target.
    """
    config = model.config
    errors = SeriesErrors(config.channel_scales or [1.0] * config.num_channels, config.quantiles)
    for batch, forecast in forecast_windows(model, windows, batch_size):
        errors.add(forecast.values, batch["future_values"], forecast.quantiles)
    return errors.figures()


def draw_window(
    model: RecurrentForTimeSeriesPrediction, windows: SeriesWindows, index: int, path: Path, title: str
) -> None:
    """Draw the forecast of one window beside what came."""
    which, start = windows.place(index)
    series = windows.series[which]
    one = SeriesWindows(
        [series], [(start, start + windows.prediction_length)], windows.context_length, windows.prediction_length
    )
    batch, forecast = next(forecast_windows(model, one, 1))
    names = list(model.config.target_columns or map(str, range(forecast.values.shape[2])))
    low, high = max(0, start - windows.context_length), start + windows.prediction_length
    plot_forecast(
        path,
        batch["past_values"][0],
        forecast.values[0],
        names,
        truth=batch["future_values"][0],
        times=None if series.times is None else series.times[low:high],
        title=f"{series.name}: {title}" if series.name else title,
        **band_of(model, forecast.quantiles),
    )


def band_of(model: RecurrentForTimeSeriesPrediction, quantiles: np.ndarray | None) -> dict[str, Any]:
    """What `plot_forecast` is told of the quantiles of the first window."""
    levels = model.config.quantiles or []
    if quantiles is None or len(levels) < 2:
        return {}
    return {
        "band": (quantiles[0, ..., 0], quantiles[0, ..., -1]),
        "band_name": f"quantiles {levels[0]:g} to {levels[-1]:g}",
    }
