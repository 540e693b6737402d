"""The scales of time series: those of the training rows, and those of each context."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import nn
from transformers import initialization as init

from .configuration_series import SeriesConfig


__all__ = ["InstanceScale", "ReversibleNorm", "scaled", "unscaled"]


# Added to the variance of a context, which is 0 where its values are all the same.
EPSILON = 1e-5


class InstanceScale(NamedTuple):
    """What is taken from the values of each context, and given back.

    Attributes:
        shift: (batch, 1, channels), subtracted.
        scale: (batch, 1, channels), divided by.
    """

    shift: torch.Tensor
    scale: torch.Tensor


class ReversibleNorm(nn.Module):
    """The values of a context without its own level and scale, which its prediction gets back, as
    `config.instance_norm` says: RevIN (Kim et al. 2022), the last value (Zeng et al. 2023), or neither.

    Args:
        config: The model's configuration.
        num_channels: Channels of the values, for the learnt scale and shift of RevIN.
    """

    def __init__(self, config: SeriesConfig, num_channels: int) -> None:
        super().__init__()
        self.kind = config.instance_norm
        learns = self.kind == "revin"
        self.weight = nn.Parameter(torch.ones(num_channels)) if learns else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if learns else None

    @torch.no_grad()
    def initialize(self) -> None:
        """Learn from the identity on."""
        if self.weight is not None:
            init.ones_(self.weight)
            init.zeros_(cast(nn.Parameter, self.bias))

    def measure(self, values: torch.Tensor, observed: torch.Tensor) -> InstanceScale:
        """Measure the scale of each row of `values` (batch, time, channels), where they are `observed` (the same
        shape, 0 or 1). A channel that is nowhere observed has 0 and 1.
        """
        if self.kind == "none":
            zeros = torch.zeros_like(values[:, :1])
            return InstanceScale(zeros, torch.ones_like(zeros))
        if self.kind == "last":
            # The highest step that is observed; where there is none, whatever stands at 0, which is 0.
            steps = torch.arange(values.shape[1], device=values.device).view(1, -1, 1)
            last = (steps * observed).amax(1, keepdim=True).long()
            shift = (values * observed).gather(1, last)
            return InstanceScale(shift, torch.ones_like(shift))
        count = observed.sum(1, keepdim=True)
        mean = (values * observed).sum(1, keepdim=True) / count.clamp(min=1)
        variance = ((values - mean).square() * observed).sum(1, keepdim=True) / count.clamp(min=1)
        variance = torch.where(count > 0, variance, torch.ones_like(variance))
        return InstanceScale(mean, (variance + EPSILON).sqrt())

    def forward(self, values: torch.Tensor, scale: InstanceScale) -> torch.Tensor:
        """Take the scale from values (batch, time, channels)."""
        values = (values - scale.shift) / scale.scale
        return values if self.weight is None else values * self.weight + cast(torch.Tensor, self.bias)

    def restore(self, values: torch.Tensor, scale: InstanceScale) -> torch.Tensor:
        """Give the scale back to predictions (batch, steps, channels, outputs)."""
        if self.weight is not None:
            weight = self.weight.unsqueeze(1)
            # As in the paper's code: a weight of 0 must not divide.
            values = (values - cast(torch.Tensor, self.bias).unsqueeze(1)) / (weight + EPSILON**2)
        return values * scale.scale.unsqueeze(3) + scale.shift.unsqueeze(3)

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"


def scaled(values: torch.Tensor, means: Any, stds: Any) -> torch.Tensor:
    """(value - mean) / std of (batch, time, channels); the lists are those of a configuration, None for 0 and 1."""
    shift = 0.0 if means is None else values.new_tensor(means)
    return (values - shift) / (1.0 if stds is None else values.new_tensor(stds))


def unscaled(values: torch.Tensor, means: Any, stds: Any) -> torch.Tensor:
    """Value * std + mean of (batch, steps, channels, outputs)."""
    scale = 1.0 if stds is None else values.new_tensor(stds).unsqueeze(1)
    return values * scale + (0.0 if means is None else values.new_tensor(means).unsqueeze(1))
