"""The next steps of the series in a file, by a finished model, written as a table."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from transformers import AutoConfig, AutoModelForTimeSeriesPrediction, PreTrainedConfig

from ..bundles import checkpoint_folder
from ..data.readers.files import expand_path
from ..data.readers.series.arguments import SeriesColumnArguments
from ..data.readers.series.reader import Series, SeriesTable, read_series
from ..data.readers.series.times import written
from ..models.modeling_series import RecurrentForTimeSeriesPrediction
from ..progress import without_weight_bars
from .output import OutputExistsError
from .series import Forecast, forecast_series


__all__ = ["SeriesPrediction", "columns_of", "is_of_series", "load_series_model", "predict_series"]


STANDARD_OUTPUT = "-"


class SeriesPrediction(NamedTuple):
    """The account of what [`predict_series`] did.

    Attributes:
        output: The file that was written; `-` for standard output.
        steps: Steps of each forecast.
        forecasts: For each series, without the rows behind its last value, its forecast and the times of it.
        target_columns: What the channels are called.
    """

    output: str
    steps: int
    forecasts: list[tuple[Series, Forecast, list[str]]]
    target_columns: tuple[str, ...]


def is_of_series(model: str | os.PathLike[str]) -> bool:
    """Whether a checkpoint forecasts time series: a folder, a repository of the Hub or `bundled:NAME`. What cannot be
    loaded does not.
    """
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(checkpoint_folder(model, "model"))
    except (OSError, ValueError):
        # Whoever loads the model itself says what is wrong with it.
        return False
    return (config.architectures or [""])[0].endswith("ForTimeSeriesPrediction")


def load_series_model(model: str | os.PathLike[str]) -> RecurrentForTimeSeriesPrediction:
    """The model of a checkpoint, on the CPU."""
    with without_weight_bars():
        loaded: Any = AutoModelForTimeSeriesPrediction.from_pretrained(checkpoint_folder(model, "model"))
    found: RecurrentForTimeSeriesPrediction = loaded.eval()
    return found


def columns_of(model: RecurrentForTimeSeriesPrediction, arguments: SeriesColumnArguments) -> SeriesColumnArguments:
    """The columns to read, those that the model was trained on where no others are given.

    Raises:
        ValueError: other numbers of them than the model has.
    """
    config = model.config
    known = {
        "target_columns": ",".join(config.target_columns or []) or None,
        "known_future_columns": ",".join(config.known_future_columns or []) or None,
        "time_column": config.time_column,
        "series_column": config.series_column,
    }
    given = {name: getattr(arguments, name) or value for name, value in known.items()}
    for name, count in (("target_columns", config.num_channels), ("known_future_columns", config.num_time_features)):
        found = len(given[name].split(",")) if given[name] else 0
        if found != count and (found or name == "known_future_columns"):
            raise ValueError(f"`{name}`={given[name]!r} must be {count} columns, as many as the model was trained on.")
    return replace(arguments, **given)


def predict_series(
    model: str | os.PathLike[str],
    data: str,
    output: str | os.PathLike[str] | None = None,
    *,
    steps: int | None = None,
    carry_state: bool = False,
    arguments: SeriesColumnArguments | None = None,
) -> SeriesPrediction:
    """Write the steps that follow each series of a table: the series, the time, and of each target column the
    forecast and, where the model has quantiles, each of them in a column of its own (`OT_q0.1`).

    Rows at the end of a series without any target are no values but steps to forecast: a model with columns that are
    known ahead reads these there, and times are taken from there.

    Args:
        model: A folder, a repository of the Hub, or `bundled:NAME`.
        data: A file of rows.
        output: A file that ends in .csv, or `-` for standard output. Default: beside the data, under its whole name,
            `new.csv.predictions.csv`.
        steps: How many; beyond `config.prediction_length` the forecast is rolled out. Default: that.
        carry_state: How it is rolled out, see `RecurrentForTimeSeriesPrediction.forecast`.
        arguments: The columns. Default: those that the model was trained on.

    Raises:
        FileNotFoundError: there is no such file.
        OutputExistsError: the output exists.
        ValueError: the data do not fit the model; the message names the argument.
    """
    target = _output(data, output)
    network = load_series_model(model)
    count = network.config.prediction_length if steps is None else steps
    table = read_series(data, columns_of(network, arguments or SeriesColumnArguments()), known_to_the_end=True)
    if len(table.target_columns) != network.config.num_channels:
        raise ValueError(
            f"`target_columns` are {', '.join(table.target_columns)}; the model was trained on "
            f"{network.config.num_channels}."
        )
    found = [(series, *_forecast(network, series, count, carry_state)) for series in map(_known_part, table.series)]
    forecasts = [(known, forecast, times) for (known, _), forecast, times in found]
    _write(target, table, forecasts, network.config.quantiles or [])
    return SeriesPrediction(target, count, forecasts, table.target_columns)


def _known_part(series: Series) -> tuple[Series, Series]:
    """A series up to its last row with a target, and all of it."""
    rows = np.flatnonzero(~np.isnan(series.values).all(1))
    return series.head(int(rows[-1]) + 1 if len(rows) else 0), series


def _forecast(
    model: RecurrentForTimeSeriesPrediction, parts: tuple[Series, Series], steps: int, carry_state: bool
) -> tuple[Forecast, list[str]]:
    known, whole = parts
    which = f" of series {whole.name!r}" if whole.name else ""
    ahead = None
    if model.config.num_time_features:
        ahead = whole.known[len(known) : len(known) + steps]
        if len(ahead) < steps:
            names = ", ".join(model.config.known_future_columns or ["what is known ahead"])
            raise ValueError(
                f"`steps`={steps} need as many rows{which} behind the last value, with {names} and without targets; "
                f"there are {len(ahead)}."
            )
    return forecast_series(model, known, steps, ahead, carry_state), _times(known, whole, steps)


def _times(known: Series, whole: Series, steps: int) -> list[str]:
    """The times of the steps: those that the table has, then on from the last; numbers from 1 without times."""
    if whole.times is None:
        return [str(step) for step in range(1, steps + 1)]
    ahead = whole.times[len(known) : len(known) + steps]
    if len(ahead) < steps:
        if whole.step is None:
            raise ValueError(f"The series {whole.name!r} has one row, so the times behind it are not known.")
        ahead = np.concatenate([ahead, whole.step.after(whole.times[-1], steps - len(ahead))])
    return written(ahead)


def _output(data: str, output: str | os.PathLike[str] | None) -> str:
    if output == STANDARD_OUTPUT:
        return STANDARD_OUTPUT
    path = expand_path(f"{data}.predictions.csv" if output is None else os.fspath(output))
    if path.suffix.lower() != ".csv":
        raise ValueError(f"`output`={str(path)!r} must end in .csv.")
    if path.exists():
        raise OutputExistsError(f"`output`={str(path)!r} exists already; name another file or remove it.")
    return str(path)


def _write(
    output: str, table: SeriesTable, forecasts: list[tuple[Series, Forecast, list[str]]], levels: list[float]
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(table, forecasts, levels))
    if output == STANDARD_OUTPUT:
        sys.stdout.write(text.getvalue())
        return
    unfinished = Path(f"{output}.tmp")
    unfinished.write_text(text.getvalue(), encoding="utf-8")
    os.replace(unfinished, output)


def _rows(
    table: SeriesTable, forecasts: list[tuple[Series, Forecast, list[str]]], levels: list[float]
) -> Iterator[list[str]]:
    columns = [
        name for column in table.target_columns for name in (column, *(f"{column}_q{level:g}" for level in levels))
    ]
    names = [] if table.series_column is None else [table.series_column]
    yield [*names, table.time_column or "step", *columns]
    for series, forecast, times in forecasts:
        values = forecast.values[0][..., None]
        if forecast.quantiles is not None:
            values = np.concatenate([values, forecast.quantiles[0]], 2)
        for time, row in zip(times, values.reshape(len(values), -1), strict=True):
            yield [*([series.name] if names else []), time, *(f"{value:.7g}" for value in row)]
