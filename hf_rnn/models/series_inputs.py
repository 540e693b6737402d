"""What a model of time series is given: values, which of them are missing, and where the padding is."""

from __future__ import annotations

from typing import NamedTuple

import torch

from .configuration_series import SeriesConfig
from .series_scaling import scaled
from .tracing import shape_of


__all__ = ["SeriesInputs", "read_inputs", "read_targets", "to_patches"]


class SeriesInputs(NamedTuple):
    """Contexts, scaled by the training rows; zero where nothing is observed.

    Attributes:
        values: (batch, time, channels).
        observed: The same shape, 1 at a value that counts; 0 at what is missing, and at the padding.
        known: (batch, time, features), what is known ahead; None: there is nothing.
        mask: (batch, time), True at a step.
    """

    values: torch.Tensor
    observed: torch.Tensor
    known: torch.Tensor | None
    mask: torch.Tensor

    @classmethod
    def all_observed(cls, values: torch.Tensor, known: torch.Tensor | None) -> SeriesInputs:
        """Values (batch, time, channels) without padding, of which none is missing."""
        ones = torch.ones_like(values)
        return cls(values, ones, known, ones[..., 0].bool())

    def aligned(self) -> SeriesInputs:
        """The same with the real steps of each row last, in their order, wherever the padding stood."""
        order = torch.argsort(self.mask.int(), dim=1, stable=True)

        def moved(part: torch.Tensor) -> torch.Tensor:
            return part.gather(1, order.unsqueeze(2).expand_as(part))

        known = None if self.known is None else moved(self.known)
        return SeriesInputs(moved(self.values), moved(self.observed), known, self.mask.gather(1, order))

    def followed_by(self, values: torch.Tensor, known: torch.Tensor | None) -> SeriesInputs:
        """Aligned contexts with further `values` (batch, steps, channels) behind them, as many steps of each row as
        before: its first ones are left out.
        """
        time, mask = self.values.shape[1], self.mask.unsqueeze(2)
        after = torch.cat([self.values, values], 1)[:, -time:]
        observed = torch.cat([self.observed, torch.ones_like(values)], 1)[:, -time:]
        if self.known is not None and known is not None:
            known = torch.cat([self.known, known], 1)[:, -time:] * mask
        return SeriesInputs(after * mask, observed * mask, known, self.mask)

    def by_channel(self) -> SeriesInputs:
        """Each channel as a row of its own, (batch * channels, time, 1)."""
        channels = self.values.shape[2]
        values, observed = (part.transpose(1, 2).flatten(0, 1).unsqueeze(2) for part in (self.values, self.observed))
        known = None if self.known is None else self.known.repeat_interleave(channels, 0)
        return SeriesInputs(values, observed, known, self.mask.repeat_interleave(channels, 0))


def read_inputs(
    config: SeriesConfig,
    values: torch.Tensor,
    attention_mask: torch.Tensor | None,
    observed: torch.Tensor | None,
    known: torch.Tensor | None,
    dtype: torch.dtype,
) -> SeriesInputs:
    """Check what `RecurrentForTimeSeriesPrediction.forward` is given, and scale it by the training rows.

    Raises:
        ValueError: for shapes that do not fit; the message names the argument.
    """
    if values.dim() != 3 or values.shape[2] != config.num_channels:
        raise ValueError(
            f"`past_values` has shape {tuple(values.shape)}; it must be (batch, time, {config.num_channels}), as "
            "`num_channels` says."
        )
    batch, time, _ = shape_of(values)
    shapes = {
        "attention_mask": (attention_mask, (batch, time)),
        "past_observed_mask": (observed, shape_of(values)),
        "past_time_features": (known, (batch, time, config.num_time_features)),
    }
    for name, (part, wanted) in shapes.items():
        if part is not None and shape_of(part) != wanted:
            raise ValueError(f"`{name}` has shape {shape_of(part)}; with these values it must be {wanted}.")
    if (known is None) != (config.num_time_features == 0):
        raise ValueError(
            f"`past_time_features` is {'None' if known is None else 'given'}; the model's `num_time_features` is "
            f"{config.num_time_features}."
        )
    # Statistics of half-precision numbers would be too coarse.
    values = values.to(torch.promote_types(dtype, torch.float32))
    mask = torch.ones_like(values[..., 0], dtype=torch.bool) if attention_mask is None else attention_mask.bool()
    counted = values.isfinite() & mask.unsqueeze(2)
    if observed is not None:
        counted = counted & observed.bool()
    values = scaled(torch.where(counted, values, 0), config.channel_means, config.channel_scales)
    if known is not None:
        known = scaled(known.to(values.dtype), config.time_feature_means, config.time_feature_scales)
        known = torch.where(mask.unsqueeze(2), known, 0)
    return SeriesInputs(torch.where(counted, values, 0), counted.to(values.dtype), known, mask)


def read_targets(
    values: torch.Tensor, observed: torch.Tensor | None, shape: tuple[int, ...], dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """The targets and, in the same shape, 1 at those that count.

    Raises:
        ValueError: for another shape; the message names the argument.
    """
    for name, part in (("future_values", values), ("future_observed_mask", observed)):
        if part is not None and tuple(part.shape) != shape:
            raise ValueError(f"`{name}` has shape {tuple(part.shape)}; it must be {shape}.")
    values = values.to(dtype)
    counted = values.isfinite() if observed is None else values.isfinite() & observed.bool()
    return torch.where(counted, values, 0), counted.to(dtype)


def to_patches(inputs: SeriesInputs, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Join `length` successive steps to one, the last real step of each row the last of a patch. Padding is left out
    wherever it stood, and the first patch of a row begins with zeros where its steps do not fill it.

    Returns:
        (batch, patches, length * features) of the values, of which of them are observed, and of what is known ahead;
        and (batch, patches), True at a patch with a real step.
    """
    inputs = inputs.aligned()
    parts = [inputs.values, inputs.observed] + ([] if inputs.known is None else [inputs.known])
    features, mask = torch.cat(parts, 2), inputs.mask
    missing = -features.shape[1] % length
    features = torch.nn.functional.pad(features, (0, 0, missing, 0))
    mask = torch.nn.functional.pad(mask, (missing, 0))
    batch, time, width = features.shape
    patches = features.reshape(batch, time // length, length * width)
    return patches, mask.view(batch, -1, length).any(2)
