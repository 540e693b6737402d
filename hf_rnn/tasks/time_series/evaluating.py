"""A finished model of time series measured on a file, by the metrics of the run that made it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field

from ...data.batches.series import SeriesWindows
from ...data.readers.series.arguments import SeriesColumnArguments
from ...data.readers.series.reader import read_series
from ...inference.series_files import columns_of, load_series_model
from ...models.modeling_series import RecurrentForTimeSeriesPrediction
from .measuring import series_figures


__all__ = ["SeriesTestArguments", "evaluate_series"]


logger = logging.getLogger(__name__)


@dataclass
class SeriesTestArguments(SeriesColumnArguments):
    """The series to measure on."""

    test_file: str | None = field(default=None, metadata={"help": "Table of the series. Default: none."})


def evaluate_series(
    model: str | os.PathLike[str], arguments: SeriesTestArguments, batch_size: int
) -> tuple[RecurrentForTimeSeriesPrediction, int, dict[str, float]]:
    """Measure a model on every window of a table's series.

    Returns:
        The model, how many windows there are, and the figures, see [`SeriesErrors`].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the data do not fit the model, or no series has rows for one window.
    """
    network = load_series_model(model)
    table = read_series(str(arguments.test_file), columns_of(network, arguments))
    context, steps = network.config.context_length or 1, network.config.prediction_length or 1
    windows = SeriesWindows(table.series, [(0, len(each)) for each in table.series], context, steps)
    if not len(windows):
        raise ValueError(
            f"`data`={str(arguments.test_file)!r} has no series of {context + steps} rows: the model forecasts "
            f"{steps} steps from {context} (`context_length`)."
        )
    short = sum(len(each) < context + steps for each in table.series)
    if short:
        logger.warning("%d of %d series have fewer than %d rows.", short, len(table.series), context + steps)
    return network, len(windows), series_figures(network, windows, batch_size)
