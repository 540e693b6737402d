"""The windows of a table's series in each part of the time, and the model of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transformers import AutoModelForTimeSeriesPrediction

from ...data.batches.series import SeriesScales, SeriesWindows, part_bounds, training_scales
from ...data.readers.series.arguments import SeriesDataArguments
from ...data.readers.series.reader import Series, SeriesTable, read_series
from ...models.configuration_rnn import FAMILIES
from ...models.modeling_series import RecurrentForTimeSeriesPrediction
from ..overrides import with_overrides
from .arguments import SeriesModelArguments


__all__ = ["SeriesSplits", "load_splits", "new_model"]


logger = logging.getLogger(__name__)

# A context is as long as so many predictions, and takes at most this share of the training rows.
CONTEXT_PREDICTIONS = 4
MOST_OF_TRAINING = 1 / 3


@dataclass(frozen=True)
class SeriesSplits:
    """What a run learns from and is measured on.

    Attributes:
        table: Where the series come from; those that were too short are not among its series.
        windows: Split → its windows; a split without any is absent.
        bounds: Split → for each series the rows of the part.
        scales, known_scales: Of the values and of what is known ahead, in the training rows.
    """

    table: SeriesTable
    windows: Mapping[str, SeriesWindows]
    bounds: Mapping[str, list[tuple[int, int]]]
    scales: SeriesScales
    known_scales: SeriesScales

    @property
    def context_length(self) -> int:
        """Steps of a context."""
        return self.windows["train"].context_length


def load_splits(arguments: SeriesDataArguments) -> SeriesSplits:
    """Read the series, divide each by time, and fit the scales on the training rows alone.

    Raises:
        ValueError: as `read_series` and `part_bounds`; or no series is long enough for a single training window, or
            for one of a part that is asked for.
    """
    table = read_series(str(arguments.train_file), arguments)
    parts = [
        part_bounds(len(each), arguments.train_part, arguments.validation_part, arguments.test_part)
        for each in table.series
    ]
    longest = max(part["train"][1] for part in parts)
    context = arguments.context_length
    if context is None:
        context = max(1, min(CONTEXT_PREDICTIONS * arguments.prediction_length, int(longest * MOST_OF_TRAINING)))
        logger.warning("Forecasts are made from %d steps (`context_length`).", context)
    needed = context + arguments.prediction_length
    if longest < needed:
        raise ValueError(
            f"`context_length`={context} and `prediction_length`={arguments.prediction_length} need {needed} rows to "
            f"train on; the longest series has {longest} (`train_part`). Shorten them."
        )
    kept = [index for index, part in enumerate(parts) if part["train"][1] >= needed]
    if len(kept) < len(parts):
        short = [table.series[index].name for index in range(len(parts)) if index not in kept]
        logger.warning(
            "%d of %d series have fewer than %d rows to train on and are left out: %s.",
            len(short),
            len(parts),
            needed,
            ", ".join(short[:5]) + (" …" if len(short) > 5 else ""),
        )
    series = tuple(table.series[index] for index in kept)
    table = SeriesTable(series, table.target_columns, table.known_columns, table.time_column, table.series_column)
    bounds = {split: [parts[index][split] for index in kept] for split in ("train", "validation", "test")}
    windows = _windows(series, bounds, context, arguments)
    _say_unused(series, bounds["test"])
    return SeriesSplits(table, windows, bounds, *training_scales(series, bounds["train"]))


def _windows(
    series: tuple[Series, ...],
    bounds: Mapping[str, list[tuple[int, int]]],
    context: int,
    arguments: SeriesDataArguments,
) -> dict[str, SeriesWindows]:
    found = {}
    for split, rows in bounds.items():
        windows = SeriesWindows(series, rows, context, arguments.prediction_length)
        if len(windows):
            found[split] = windows
        elif any(high > low for low, high in rows):
            most = max(high - low for low, high in rows)
            raise ValueError(
                f"`{split}_part` gives {most} rows of a series at most; at least `prediction_length`="
                f"{arguments.prediction_length} are needed. Make it larger, or 0 to leave it out."
            )
    return found


def _say_unused(series: tuple[Series, ...], bounds: list[tuple[int, int]]) -> None:
    unused = sum(len(each) - high for each, (_, high) in zip(series, bounds, strict=True))
    if unused:
        logger.warning("The last %d rows are in no part, and are not used (`train_part`).", unused)


def new_model(
    arguments: SeriesModelArguments, splits: SeriesSplits, extra: Mapping[str, Any]
) -> RecurrentForTimeSeriesPrediction:
    """A model with random weights, with the scales of the training rows in its configuration.

    Args:
        extra: Values of the configuration that come on top of `config_overrides`.

    Raises:
        ValueError: `config_overrides` contradict the data, or have a name or a value that does not exist.
    """
    table, family = splits.table, FAMILIES[arguments.model_type]
    values: dict[str, Any] = {
        "vocab_size": None,
        "context_length": splits.context_length,
        "prediction_length": splits.windows["train"].prediction_length,
        "num_channels": len(table.target_columns),
        "num_time_features": len(table.known_columns),
        "target_columns": list(table.target_columns),
        "known_future_columns": list(table.known_columns),
        "time_column": table.time_column,
        "series_column": table.series_column,
        "channel_means": splits.scales.means,
        "channel_scales": splits.scales.stds,
        "time_feature_means": splits.known_scales.means,
        "time_feature_scales": splits.known_scales.stds,
        "instance_norm": arguments.instance_norm,
        "patch_length": arguments.patch_length,
        "channel_independent": arguments.channel_independent,
        "quantiles": arguments.levels(),
    }
    overrides = {**arguments.overrides(), **extra}
    for name in overrides.keys() & values.keys():
        raise ValueError(
            f"`config_overrides` give `{name}`={overrides[name]!r}, but that follows from the data and the flags: it "
            f"is {values[name]!r}."
        )
    model: RecurrentForTimeSeriesPrediction = AutoModelForTimeSeriesPrediction.from_config(
        family(**with_overrides(values, overrides))
    )
    return model
