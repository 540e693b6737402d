"""Trainer for models of time series: the targets are future values."""

from __future__ import annotations

from typing import Any

from .trainer import RecurrentTrainer


__all__ = ["SeriesTrainer"]


class SeriesTrainer(RecurrentTrainer):
    """A [`RecurrentTrainer`] for rows of `past_values` and `future_values`, such as [`SeriesWindows`]; evaluations
    give the loss.

    Args:
        args, kwargs: As [`RecurrentTrainer`] takes them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the name of an argument with "label" in it the Trainer would know a target.
        self.label_names = ["future_values"]
