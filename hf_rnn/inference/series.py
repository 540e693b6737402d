"""Forecasts of a model for many windows, and for what comes behind the end of a series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import default_data_collator

from ..data.batches.series import SeriesWindows
from ..data.readers.series.reader import Series
from ..kernels.threads import computing_threads
from ..models.modeling_series import RecurrentForTimeSeriesPrediction


__all__ = ["Forecast", "forecast_series", "forecast_windows"]


class Forecast(NamedTuple):
    """The forecasts of some windows, in the units of the data.

    Attributes:
        values: (windows, steps, channels).
        quantiles: (windows, steps, channels, levels); None: the model predicts none.
    """

    values: np.ndarray
    quantiles: np.ndarray | None


def forecast_windows(
    model: RecurrentForTimeSeriesPrediction, windows: SeriesWindows, batch_size: int
) -> Iterator[tuple[dict[str, np.ndarray], Forecast]]:
    """The forecasts of all windows, a batch at a time, each with the windows themselves.

    Args:
        model: A model of their channels; it is left in the mode that it was in.
        windows: In whose order the batches come.
        batch_size: Windows that are computed together.
    """
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(windows), batch_size):
            rows = [windows[index] for index in range(start, min(start + batch_size, len(windows)))]
            batch = default_data_collator(rows)
            given = {name: value.to(model.device) for name, value in batch.items() if name != "future_values"}
            with torch.no_grad(), computing_threads(model):
                outputs = model(**given)
            yield {name: value.numpy() for name, value in batch.items()}, _forecast(outputs)
    finally:
        model.train(was_training)


def forecast_series(
    model: RecurrentForTimeSeriesPrediction,
    series: Series,
    steps: int,
    ahead: np.ndarray | None = None,
    carry_state: bool = False,
) -> Forecast:
    """The forecast of the `steps` behind the end of a series, from its last `config.context_length` rows, or from all
    of them where it has fewer.

    Args:
        ahead: (steps, features), what is known of them, for a model that wants it.
        carry_state: How it is rolled out, see `model.forecast`.

    Returns:
        One window.

    Raises:
        ValueError: the series has no row, or no value in a channel; or as `model.forecast`.
    """
    past = slice(-(model.config.context_length or 0), None)
    values = series.values[past]
    which = f" {series.name!r}" if series.name else ""
    unseen = [str(name) for name, column in zip(_names(model, values), values.T, strict=True) if _is_unseen(column)]
    if unseen:
        raise ValueError(
            f"The last {len(values)} rows of the series{which} have no value of {', '.join(unseen)}: there is nothing "
            "to forecast from."
        )
    given: dict[str, Any] = {"past_values": values}
    if ahead is not None:
        given |= {"past_time_features": series.known[past], "future_time_features": ahead}
    tensors = {name: torch.tensor(part[None], dtype=torch.float32) for name, part in given.items()}
    model.eval()
    with computing_threads(model):
        return _forecast(model.forecast(steps=steps, carry_state=carry_state, **tensors))


def _names(model: RecurrentForTimeSeriesPrediction, values: np.ndarray) -> list[str]:
    return list(model.config.target_columns or map(str, range(values.shape[1])))


def _is_unseen(column: np.ndarray) -> bool:
    return bool(np.isnan(column).all())


def _forecast(outputs: Any) -> Forecast:
    quantiles = outputs.quantile_outputs
    return Forecast(outputs.prediction_outputs.cpu().numpy(), None if quantiles is None else quantiles.cpu().numpy())
