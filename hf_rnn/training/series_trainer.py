"""Trainer for models of time series: the targets are future values."""

from __future__ import annotations

from typing import Any

import torch

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

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor | int | None:
        """Count the future values that are there; transformers counts `labels` alone."""
        return self._counted_together(batch_samples, device) if batch_samples else None

    def _number_of_targets(self, inputs: dict[str, Any]) -> torch.Tensor:
        known = inputs["future_values"].isfinite()
        observed = inputs.get("future_observed_mask")
        return (known if observed is None else known & observed.bool()).sum()
