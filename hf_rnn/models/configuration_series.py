"""The part of a configuration that a model of time series has: channels, lengths, scaling and quantiles."""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

import math
from typing import Any, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_checks import check_positive


__all__ = ["SeriesConfig"]


@strict
class SeriesConfig(PreTrainedConfig):
    r"""The fields of [`RecurrentConfig`] that only a model of time series reads.

    Args:
        prediction_length (`int`, *optional*):
            Steps that are predicted at once. `None`: the configuration is not one of a model of time series.
        context_length (`int`, *optional*):
            Steps that the model was trained to predict from. It reads contexts of any length.
        num_channels (`int`, defaults to 1): Values of a step, all of which are predicted.
        num_time_features (`int`, defaults to 0): Values of a step that are known ahead, such as the day of the week.
        patch_length (`int`, defaults to 1):
            Values of this many successive steps make one step of the recurrent layers (Lin et al. 2023, SegRNN,
            https://arxiv.org/abs/2308.11200).
        channel_independent (`bool`, defaults to `True`):
            Read each channel by itself, with the same weights for all (Nie et al. 2023,
            https://arxiv.org/abs/2211.14730).
        instance_norm (`"revin"`, `"last"` or `"none"`, defaults to `"last"`):
            What is taken from the values of each context and given back to its prediction: mean and standard deviation
            with a learnt scale and shift (Kim et al. 2022, https://openreview.net/forum?id=cGDAkQo1C0p), the last
            value (Zeng et al. 2023, NLinear, https://arxiv.org/abs/2205.13504), or nothing.
        quantiles (`list[float]`, *optional*):
            Quantiles that are predicted beside the mean, in rising order, each between 0 and 1.
        channel_means, channel_scales (`list[float]`, *optional*):
            Of each channel in the training rows: the model computes with (value - mean) / std. `None`: 0 and 1.
        time_feature_means, time_feature_scales (`list[float]`, *optional*): The same of the values known ahead.
        target_columns, known_future_columns (`list[str]`, *optional*): What the channels are called, and these values.
        time_column, series_column (`str`, *optional*): The columns of the times, and of the names of the series.

    Raises:
        ValueError: for a value out of its range; the message names the argument.
    """

    prediction_length: int | None = None
    context_length: int | None = None
    num_channels: int = 1
    num_time_features: int = 0
    patch_length: int = 1
    channel_independent: bool = True
    instance_norm: Literal["revin", "last", "none"] = "last"
    quantiles: list[float | int] | None = None
    channel_means: list[float | int] | None = None
    channel_scales: list[float | int] | None = None
    time_feature_means: list[float | int] | None = None
    time_feature_scales: list[float | int] | None = None
    target_columns: list[str] | None = None
    known_future_columns: list[str] | None = None
    time_column: str | None = None
    series_column: str | None = None

    @property
    def series_obstacle(self) -> str | None:
        """Say what keeps a model of time series from having this configuration; None: nothing does."""
        own: Any = self
        if self.prediction_length is None:
            return "`prediction_length` is None; it must be the number of steps to predict"
        if own.cell == "none":
            return "without a recurrence the order of the steps is lost"
        if own.vocab_size is not None:
            return f"`vocab_size` is {own.vocab_size}; it must be None, as the inputs are numbers"
        return None

    def validate_series(self) -> None:
        """Lengths and numbers of channels are positive, quantiles rise, scales belong to the channels."""
        for name in ("num_channels", "patch_length"):
            check_positive(name, getattr(self, name))
        for name in ("prediction_length", "context_length"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if self.num_time_features < 0:
            raise ValueError(f"`num_time_features` is {self.num_time_features}; it must be at least 0.")
        levels = self.quantiles
        if levels is not None and not (levels and levels == sorted(set(levels)) and 0 < levels[0] <= levels[-1] < 1):
            raise ValueError(f"`quantiles` is {levels}; it must be rising numbers between 0 and 1, or None.")
        self._check_scales("channel", self.num_channels)
        self._check_scales("time_feature", self.num_time_features)
        for name, count in (("target_columns", "num_channels"), ("known_future_columns", "num_time_features")):
            value = getattr(self, name)
            if value is not None and len(value) != getattr(self, count):
                raise ValueError(f"`{name}` is {value}; it must be {getattr(self, count)} names, as `{count}` says.")

    def _check_scales(self, kind: str, count: int) -> None:
        for name in (f"{kind}_means", f"{kind}_scales"):
            values = getattr(self, name)
            if values is None:
                continue
            least = 0 if name.endswith("scales") else -math.inf
            if len(values) != count or not all(least < value < math.inf for value in values):
                kinds = "numbers above 0" if least == 0 else "finite numbers"
                raise ValueError(f"`{name}` is {values}; it must be {count} {kinds}.")
