"""Windows over time series, cut when they are asked for; never all of them in memory."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..readers.series.reader import Series


__all__ = ["SeriesScales", "SeriesWindows", "part_bounds", "training_scales"]


class SeriesWindows(Dataset[dict[str, Any]]):
    """A context and the steps behind it, for every place where the steps lie in a part of the time.

    Args:
        series: The series, whole: contexts may reach back in front of the part.
        bounds: For each series the first row of the part and the one behind its last.
        context_length: Steps of a context; no window is made where there are fewer before the steps to predict.
        prediction_length: Steps to predict.

    A window has `past_values` (context, channels), `future_values` (prediction, channels), both with NaN where a value
    is missing, and, where something is known ahead, `past_time_features` and `future_time_features`.
    """

    def __init__(
        self,
        series: Sequence[Series],
        bounds: Sequence[tuple[int, int]],
        context_length: int,
        prediction_length: int,
    ) -> None:
        self.series = series
        self.context_length, self.prediction_length = context_length, prediction_length
        # The first step to predict of each series' first window.
        self.starts = [max(low, context_length) for low, _ in bounds]
        counts = [
            max(0, high - prediction_length - start + 1) for start, (_, high) in zip(self.starts, bounds, strict=True)
        ]
        self.ends = list(accumulate(counts))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def checksum_parts(self) -> Iterator[Any]:
        """Yield what tells these windows from others, for `rows_checksum`."""
        yield [self.context_length, self.prediction_length, self.starts, self.ends]
        for series in self.series:
            yield np.ascontiguousarray(series.values)
            yield np.ascontiguousarray(series.known)

    def place(self, index: int) -> tuple[int, int]:
        """Which series a window is of, and the row of the first step to predict."""
        if not 0 <= index < len(self):
            raise IndexError(f"`index`={index} must lie in [0, {len(self)}).")
        which = bisect.bisect_right(self.ends, index)
        before = self.ends[which - 1] if which else 0
        return which, self.starts[which] + index - before

    def __getitem__(self, index: int) -> dict[str, Any]:
        which, start = self.place(index)
        series = self.series[which]
        past, future = slice(start - self.context_length, start), slice(start, start + self.prediction_length)
        window = {"past_values": series.values[past], "future_values": series.values[future]}
        if series.known.shape[1]:
            window |= {"past_time_features": series.known[past], "future_time_features": series.known[future]}
        return {name: values.astype(np.float32) for name, values in window.items()}


def part_bounds(rows: int, train: float | None, validation: float, test: float) -> dict[str, tuple[int, int]]:
    """The rows of each part of a series in time: split → its first row, and the one behind its last.

    Args:
        rows: Rows of the series.
        train, validation, test: A share of the rows below 1, or a number of them; `train` None: all that is left.

    Raises:
        ValueError: the parts are more than the rows.
    """
    sizes = [int(part * rows + 1e-9) if part < 1 else int(part) for part in (validation, test)]
    first = rows - sum(sizes) if train is None else int(train * rows + 1e-9) if train < 1 else int(train)
    if first < 1 or first + sum(sizes) > rows:
        raise ValueError(
            f"`train_part`={train}, `validation_part`={validation} and `test_part`={test} must leave rows to train "
            f"on and fit into the {rows} rows of each series."
        )
    edges = [0, *accumulate([first, *sizes])]
    return dict(zip(("train", "validation", "test"), zip(edges, edges[1:], strict=False), strict=True))


class SeriesScales:
    """Mean and standard deviation of each column of numbers, NaN left out; 1 for a column that is constant.

    Args:
        parts: Arrays (rows, columns).
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        together = np.concatenate(parts)
        counts = (~np.isnan(together)).sum(0)
        filled = np.nan_to_num(together)
        means = filled.sum(0) / np.maximum(counts, 1)
        deviations = np.where(np.isnan(together), 0, together - means)
        stds = np.sqrt((deviations**2).sum(0) / np.maximum(counts, 1))
        self.means = [float(mean) for mean in means]
        # What differs by rounding alone is constant.
        self.stds = [
            float(std) if std > 1e-12 * max(1.0, abs(mean)) else 1.0 for mean, std in zip(means, stds, strict=True)
        ]


def training_scales(series: Sequence[Series], bounds: Sequence[tuple[int, int]]) -> tuple[SeriesScales, SeriesScales]:
    """The scales of the values and of what is known ahead, in the training part of all series together."""
    parts = [slice(*bound) for bound in bounds]
    return (
        SeriesScales([each.values[part] for each, part in zip(series, parts, strict=True)]),
        SeriesScales([each.known[part] for each, part in zip(series, parts, strict=True)]),
    )
