"""The times of a series: read from a column, and continued behind the last one."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..cells import as_number, is_empty
from ..places import place_of_row


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Step", "find_step", "read_times", "written"]


logger = logging.getLogger(__name__)

# Times that lie on a grid but for so many missing ones are on it.
MOST_MISSING = 0.05


class Step(NamedTuple):
    """The distance between two times.

    Attributes:
        rule: pandas' name of a calendar's rule, such as `MS` for the first of each month; None: `size` alone counts.
        size: The usual distance, of the type of a difference of times.
        regular: Whether each time follows the one before by it.
        missing: How many times are missing on the grid; 0 unless nearly all are there.
    """

    rule: str | None
    size: Any
    regular: bool
    missing: int

    def after(self, last: Any, count: int) -> np.ndarray:
        """The `count` times behind `last`, (count,)."""
        if self.rule is None:
            return np.array([last + self.size * (index + 1) for index in range(count)])
        import pandas as pd

        return np.asarray(pd.date_range(last, periods=count + 1, freq=self.rule)[1:].to_numpy())

    def __str__(self) -> str:
        if isinstance(self.size, np.timedelta64):
            import pandas as pd

            size = pd.Timedelta(self.size)
            for unit in ("day", "hour", "minute", "second"):
                count = size / pd.Timedelta(1, unit)
                if count.is_integer():
                    return f"{count:.0f} {unit}{'s' * (count != 1)}"
            return str(size)
        return f"{self.size:g}"


def read_times(rows: Dataset, column: str, form: str | None) -> np.ndarray:
    """The times of a column, (rows,): datetime64 (in UTC where zones are given), or numbers.

    Raises:
        ValueError: a cell is no time, or a date could be read in two ways; the message names the column or the place.
    """
    cells = list(rows[column][:])
    for row, cell in enumerate(cells):
        if is_empty(cell):
            raise ValueError(f"`time_column`={column!r} has no time in {place_of_row(rows, row)}.")
    numbers = None if form else [as_number(cell) for cell in cells]
    if numbers and None not in numbers:
        return np.array(numbers, dtype=np.float64)
    found = _moments([str(cell) for cell in cells], column, form)
    bad = np.flatnonzero(np.isnat(found))
    if len(bad):
        row = int(bad[0])
        hint = f"as `time_format`={form!r} says" if form else "or `time_format` must say how it is written"
        raise ValueError(
            f"`time_column`={column!r} has {cells[row]!r} in {place_of_row(rows, row)}; it must be a time, {hint}."
        )
    return found


def _moments(texts: Sequence[str], column: str, form: str | None) -> np.ndarray:
    if form is not None:
        return _parsed(texts, format=form)
    found = _parsed(texts, format="ISO8601")
    if not np.isnat(found).any():
        return found
    day_first, month_first = _parsed(texts, dayfirst=True), _parsed(texts, dayfirst=False)
    wrong = [np.isnat(each).sum() for each in (day_first, month_first)]
    if wrong[0] != wrong[1]:
        return day_first if wrong[0] < wrong[1] else month_first
    if wrong[0] or (day_first == month_first).all():
        return day_first
    steps = [len(np.unique(np.diff(np.unique(each)))) for each in (day_first, month_first)]
    if steps[0] == steps[1]:
        raise ValueError(
            f"`time_column`={column!r} has {texts[0]!r}, which may be two dates; give `time_format`, such as "
            "%d/%m/%Y or %m/%d/%Y."
        )
    logger.warning(
        "Column %r writes the %s first: so the times are regular.", column, "day" if steps[0] < steps[1] else "month"
    )
    return day_first if steps[0] < steps[1] else month_first


def _parsed(texts: Sequence[str], **options: Any) -> np.ndarray:
    import pandas as pd

    with warnings.catch_warnings():
        # pandas warns where it finds no form that fits all; they are read one by one.
        warnings.simplefilter("ignore")
        found = pd.to_datetime(pd.Series(texts), errors="coerce", utc=True, **options)
    return np.asarray(found.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]"))


def find_step(times: np.ndarray) -> Step:
    """The step of times that rise, at least two of them."""
    distances = np.diff(times)
    sizes, counts = np.unique(distances, return_counts=True)
    size = sizes[counts.argmax()]
    if len(sizes) == 1:
        return Step(None, size, True, 0)
    rule = None
    if np.issubdtype(times.dtype, np.datetime64):
        import pandas as pd

        with warnings.catch_warnings():
            # Later versions of pandas give an offset in place of its name, and say so.
            warnings.simplefilter("ignore")
            found = pd.infer_freq(pd.DatetimeIndex(times)) if len(times) > 2 else None
        rule = getattr(found, "freqstr", found)
        if rule is not None:
            return Step(rule, size, True, 0)
        if size == np.timedelta64(1, "D") and np.is_busday(times.astype("datetime64[D]")).all():
            # Prices of a stock: working days, but for holidays.
            return Step("B", size, False, 0)
    whole = (distances % size == np.zeros((), distances.dtype)).all()
    missing = int(round(float((times[-1] - times[0]) / size))) + 1 - len(times)
    on_grid = bool(whole) and missing <= MOST_MISSING * len(times)
    return Step(None, size, False, missing if on_grid else 0)


def written(times: np.ndarray) -> list[str]:
    """The times as texts: dates without a clock where all are at midnight; whole numbers without a point."""
    if not np.issubdtype(times.dtype, np.datetime64):
        return [f"{value:.15g}" for value in times]
    moments: Any = times.astype("datetime64[ns]")
    unit: Any = "D" if (times == times.astype("datetime64[D]")).all() else "s"
    return [str(text).replace("T", " ") for text in np.datetime_as_string(moments, unit=unit)]
