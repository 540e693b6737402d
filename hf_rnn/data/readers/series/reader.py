"""Time series read from a table: sorted by time, their numbers checked, what is missing or irregular said."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ....extras import require_extra
from ..cells import is_moment
from ..column_names import is_index_name, is_time_name
from ..columns import described_columns, sample_columns
from ..files import files_of, read_rows
from ..places import data_columns, place_of_row
from ..sources import comma_separated
from .arguments import SeriesColumnArguments
from .numbers import holds_numbers, read_numbers
from .times import Step, find_step, read_times


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Series", "SeriesTable", "read_series"]


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Series:
    """One series, sorted by time.

    Attributes:
        name: What it is called; "" where a table has only one.
        values: (rows, channels), NaN where a value is missing.
        known: (rows, features), what is known ahead.
        times: (rows,), datetime64 or numbers; None where the table has no times.
        step: Their distance; None without times or with one row.
    """

    name: str
    values: np.ndarray
    known: np.ndarray
    times: np.ndarray | None
    step: Step | None

    def __len__(self) -> int:
        return len(self.values)

    def head(self, rows: int) -> Series:
        """The first rows of it."""
        times = None if self.times is None else self.times[:rows]
        return Series(self.name, self.values[:rows], self.known[:rows], times, self.step)


@dataclass(frozen=True)
class SeriesTable:
    """The series of a table.

    Attributes:
        series: In the order in which they first occur.
        target_columns, known_columns: What the channels and what is known ahead are called.
        time_column, series_column: The columns of the times and of the names; None where there are none.
    """

    series: tuple[Series, ...]
    target_columns: tuple[str, ...]
    known_columns: tuple[str, ...]
    time_column: str | None
    series_column: str | None


def read_series(path: str, arguments: SeriesColumnArguments, *, known_to_the_end: bool = True) -> SeriesTable:
    """Read the series of a table.

    Rows that are not sorted by time are sorted; steps that are missing on a regular grid (at most one in twenty) are
    put in without values, unless there are columns that are known ahead; other irregular times are kept, and the rows
    taken as successive steps. All of it is said.

    Args:
        path: A file of rows.
        arguments: The columns; what is not given is found.
        known_to_the_end: Whether every row must have its values that are known ahead.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing, holds something else than numbers or times, or a time comes twice in a series;
            the message names the argument.
        MissingExtraError: pandas, which `datasets` brings, is too old.
    """
    require_extra("train", "Reading times", "pandas")
    names = files_of(path)
    if len(names) > 1:
        raise ValueError(f"`train_file`={path!r} names {len(names)} files; it must be one table with all rows.")
    rows = read_rows(names[0], arguments)
    known = tuple(comma_separated(arguments.known_future_columns, "known_future_columns") or ())
    for argument, columns in (
        ("target_columns", comma_separated(arguments.target_columns, "target_columns") or ()),
        ("known_future_columns", known),
        ("time_column", filter(None, [arguments.time_column])),
        ("series_column", filter(None, [arguments.series_column])),
    ):
        for column in columns:
            if column not in rows.column_names:
                raise ValueError(
                    f"`{argument}`: there is no column {column!r}; the columns are {described_columns(rows)}."
                )
    time = arguments.time_column or _time_column(rows, arguments.series_column)
    targets = _target_columns(rows, arguments, time, known)
    values = np.stack([read_numbers(rows, column, "target_columns") for column in targets], 1)
    ahead = [read_numbers(rows, column, "known_future_columns") for column in known]
    features = np.stack(ahead, 1) if ahead else np.empty((len(rows), 0))
    if known_to_the_end:
        _require_known(rows, features, known)
    times = None if time is None else read_times(rows, time, arguments.time_format)
    groups = _groups(rows, arguments.series_column)
    series = tuple(_series(name, places, values, features, times, rows, time) for name, places in groups.items())
    _say_missing(series, targets)
    return SeriesTable(series, targets, known, time, arguments.series_column)


def _time_column(rows: Dataset, series_column: str | None) -> str | None:
    """The column of the times: one that is called so, or the only one whose cells are all times."""
    columns = sample_columns(rows)
    moments = [name for name, values in columns.items() if all(map(is_moment, values))]
    numbers = [
        name
        for name, values in columns.items()
        if is_time_name(name) and holds_numbers(values) and (series_column or len(set(values)) == len(values))
    ]
    named = [name for name in moments if is_time_name(name)] or numbers
    found = named[0] if named else moments[0] if len(moments) == 1 else None
    if found is None:
        logger.warning("No column of times was found: the rows are taken as successive steps, in their order.")
    else:
        logger.warning("The times are read from column %r (`time_column`).", found)
    return found


def _target_columns(
    rows: Dataset, arguments: SeriesColumnArguments, time: str | None, known: tuple[str, ...]
) -> tuple[str, ...]:
    given = comma_separated(arguments.target_columns, "target_columns")
    if given is not None:
        for column in given:
            if column in (time, arguments.series_column, *known):
                raise ValueError(f"`target_columns`: column {column!r} is given as something else, too.")
        return tuple(given)
    taken = {time, arguments.series_column, *known}
    samples = sample_columns(rows)
    numeric = [name for name in data_columns(rows) if name not in taken and holds_numbers(samples[name])]
    found = [name for name in numeric if not is_index_name(name)] or numeric
    if len(found) != 1:
        raise ValueError(
            f"Give `target_columns`, the columns to predict. {_listed(found)}; the columns are "
            f"{described_columns(rows)}."
        )
    logger.warning("Column %r is predicted, the only one of numbers (`target_columns`).", found[0])
    return (found[0],)


def _listed(found: list[str]) -> str:
    return f"Columns of numbers are {', '.join(found)}" if found else "No column holds numbers alone"


def _require_known(rows: Dataset, features: np.ndarray, known: tuple[str, ...]) -> None:
    for index, column in enumerate(known):
        missing = np.flatnonzero(np.isnan(features[:, index]))
        if len(missing):
            raise ValueError(
                f"`known_future_columns`: column {column!r} has no value in {place_of_row(rows, int(missing[0]))}; "
                "what is known ahead must be there in every row."
            )


def _groups(rows: Dataset, column: str | None) -> dict[str, np.ndarray]:
    """The name of each series → its rows, in their order."""
    if column is None:
        return {"": np.arange(len(rows))}
    names = ["" if value is None else str(value) for value in rows[column][:]]
    if "" in names:
        raise ValueError(f"`series_column`={column!r} has no name in {place_of_row(rows, names.index(''))}.")
    places: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        places.setdefault(name, []).append(row)
    return {name: np.array(found) for name, found in places.items()}


def _series(
    name: str,
    places: np.ndarray,
    values: np.ndarray,
    features: np.ndarray,
    times: np.ndarray | None,
    rows: Dataset,
    column: str | None,
) -> Series:
    own = values[places], features[places]
    if times is None or len(places) < 2:
        return Series(name, *own, None if times is None else times[places], None)
    moments = times[places]
    order = np.argsort(moments, kind="stable")
    which = f" of series {name!r}" if name else ""
    if (order != np.arange(len(order))).any():
        logger.warning("The rows%s are not in the order of their times; they are sorted.", which)
    moments = moments[order]
    twice = np.flatnonzero(moments[1:] == moments[:-1])
    if len(twice):
        first, second = (place_of_row(rows, int(places[order[twice[0] + more]])) for more in (0, 1))
        raise ValueError(
            f"`time_column`={column!r} has one time twice{which}, in {first} and {second}; each may come once in a "
            "series. Give `series_column` if the rows are of several series; where clocks were set back, give times "
            "with their offset, such as 2024-10-27T02:00+01:00."
        )
    step = find_step(moments)
    own = own[0][order], own[1][order]
    if step.missing and not features.shape[1]:
        logger.warning("Missing steps of %s%s: %d. They are put in without values.", step, which, step.missing)
        return _filled(name, own[0], moments, step)
    if not step.regular:
        logger.warning("The times%s are not regular (mostly %s apart); each row is taken as one step.", which, step)
    return Series(name, *own, moments, step)


def _filled(name: str, values: np.ndarray, times: np.ndarray, step: Step) -> Series:
    """The series with the steps that are missing on the grid, without values."""
    places = np.round((times - times[0]) / step.size).astype(int)
    grid = times[0] + np.arange(places[-1] + 1) * step.size
    whole = np.full((len(grid), values.shape[1]), np.nan)
    whole[places] = values
    return Series(name, whole, np.empty((len(grid), 0)), grid, step)


def _say_missing(series: tuple[Series, ...], targets: tuple[str, ...]) -> None:
    values = np.concatenate([each.values for each in series])
    for index, column in enumerate(targets):
        missing = int(np.isnan(values[:, index]).sum())
        if missing:
            logger.warning(
                "Missing values of %r: %d of %d. The model is told so, and they are no targets.",
                column,
                missing,
                len(values),
            )
    for each in series:
        for index, column in enumerate(targets):
            own = each.values[:, index]
            known = own[~np.isnan(own)]
            if len(known) and (known == known[0]).all():
                which = f" of series {each.name!r}" if each.name else ""
                logger.warning(
                    "Every value of %r%s is %g: there is nothing to learn, and mean errors are smaller for it.",
                    column,
                    which,
                    known[0],
                )
