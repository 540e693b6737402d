"""Which columns of a table are time series, and how they are divided by time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..sources import comma_separated
from ..tables.options import ReadingArguments


__all__ = ["SeriesColumnArguments", "SeriesDataArguments"]


@dataclass
class SeriesColumnArguments(ReadingArguments):
    """The columns of the times, of the values and of what is known ahead."""

    target_columns: str | None = field(
        default=None,
        metadata={
            "help": "Columns to predict, separated by commas. Default: the only column of numbers; for a finished "
            "model those that it was trained on."
        },
    )
    time_column: str | None = field(
        default=None,
        metadata={"help": "Column of the times. Default: found by its name and its values, and said."},
    )
    time_format: str | None = field(
        default=None,
        metadata={
            "help": "Form of the times, in the codes of Python's strptime. Default: found; times that could be read "
            "in two ways are refused."
        },
    )
    series_column: str | None = field(
        default=None,
        metadata={"help": "Column of the series that a row belongs to. Default: none; all rows are of one series."},
    )
    known_future_columns: str | None = field(
        default=None,
        metadata={
            "help": "Columns whose values are known ahead, such as holidays, separated by commas. Default: none."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("target_columns", "known_future_columns"):
            comma_separated(getattr(self, name), name)


@dataclass
class SeriesDataArguments(SeriesColumnArguments):
    """The series to learn from, and the parts of their time in which they are learnt and measured."""

    # Series are read from one table, not from a data set of the Hub or from a table for each part.
    dataset_name: ClassVar[str | None] = None
    test_file: ClassVar[str | None] = None

    train_file: str | None = field(
        default=None,
        metadata={
            "help": "File with all rows: csv, tsv, parquet, json or another table, also compressed. The first part "
            "of the time is trained on, the next validates, the last tests. Default: none."
        },
    )
    train_part: float | None = field(
        default=None,
        metadata={
            "help": "Part of each series to train on, from its first row on: a share below 1, or a number of rows. "
            "Default: all that validation and test leave."
        },
    )
    validation_part: float = field(
        default=0.1, metadata={"help": "Part of each series, after that, to validate on: a share, or rows."}
    )
    test_part: float = field(
        default=0.2, metadata={"help": "Part of each series, after that, to test on: a share, or rows."}
    )
    context_length: int | None = field(
        default=None,
        metadata={
            "help": "Number of steps to predict from. Default: four times `prediction_length`, at most a third of "
            "the training rows of the longest series."
        },
    )
    prediction_length: int = field(default=24, metadata={"help": "Number of steps to predict at once."})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train_file is None:
            raise ValueError("Give `train_file`, a table with the series.")
        for name in ("train_part", "validation_part", "test_part"):
            value = getattr(self, name)
            least_is_open = name == "train_part"
            if value is None:
                continue
            whole = value < 1 or value == int(value)
            if not whole or value < 0 or (least_is_open and value == 0):
                raise ValueError(
                    f"`{name}`={value!r} must be a share from 0 to less than 1, or a whole number of rows."
                )
        for name in ("context_length", "prediction_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}`={value!r} must be at least 1.")
