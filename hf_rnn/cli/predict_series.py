"""`hf-rnn predict` for a model of time series: the steps that follow, as a table and as a picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ..data.readers.series.arguments import SeriesColumnArguments
from ..data.readers.tables.options import ReadingArguments
from ..inference.series_files import SeriesPrediction, predict_series
from ..runs.forecasts import plot_forecast


__all__ = ["SeriesPredictArguments", "forecast_file", "refuse_series_flags"]


@dataclass
class SeriesPredictArguments(SeriesColumnArguments):
    """The reading of the file, and for time series the columns, the steps to forecast and their picture."""

    steps: int | None = field(
        default=None,
        metadata={
            "help": "Number of steps to forecast after the end of each series. Default: as many as the model "
            "predicts at once. More are rolled out."
        },
    )
    carry_state: bool = field(
        default=False,
        metadata={
            "help": "Roll out from the state that the model has reached, and read nothing twice. Default: off; the "
            "model reads the last steps again, as many as it was trained on."
        },
    )
    plot: str | None = field(
        default=None,
        metadata={
            "help": "PNG file of a picture of the first series' forecast behind its last values. Default: none."
        },
    )


def refuse_series_flags(arguments: SeriesPredictArguments) -> None:
    """Raises:
    ValueError: a flag that only a model of time series follows was given; the message names it.
    """
    own = {each.name for each in fields(ReadingArguments)}
    for each in fields(arguments):
        value = getattr(arguments, each.name)
        if each.name not in own and value != each.default:
            raise ValueError(f"`{each.name}`={value!r} is for a model of time series; this model is none.")


def forecast_file(model: str, data: str, options: Any, arguments: SeriesPredictArguments) -> None:
    """Write the forecast, draw it if that is wanted, and say on standard error where it is.

    Args:
        options: The flags of `hf-rnn predict` for other models, of which only `output` and `no_progress` may be given.

    Raises:
        ValueError, OSError: as `predict_series`, or for another flag.
    """
    for each in fields(options):
        value = getattr(options, each.name)
        if each.name not in ("output", "no_progress") and value != each.default:
            raise ValueError(f"`{each.name}`={value!r} must be absent: a model of time series does not follow it.")
    done = predict_series(
        model, data, options.output, steps=arguments.steps, carry_state=arguments.carry_state, arguments=arguments
    )
    where = "standard output" if done.output == "-" else done.output
    count = len(done.forecasts)
    print(f"{done.steps} steps of {count} series forecast: {where}", file=sys.stderr)
    if arguments.plot is not None:
        _draw(arguments.plot, done)
        print(f"The picture: {arguments.plot}", file=sys.stderr)


def _draw(path: str, done: SeriesPrediction) -> None:
    series, forecast, times = done.forecasts[0]
    band: dict[str, Any] = {}
    if forecast.quantiles is not None and forecast.quantiles.shape[3] > 1:
        band = {"band": (forecast.quantiles[0, ..., 0], forecast.quantiles[0, ..., -1]), "band_name": "quantiles"}
    together = None
    if series.times is not None:
        together = np.concatenate([series.times, np.array(times, dtype=series.times.dtype)])
    plot_forecast(
        path, series.values, forecast.values[0], done.target_columns, times=together, title=series.name, **band
    )
