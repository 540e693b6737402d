"""The model of time series to train."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ...models.configuration_rnn import FAMILIES
from ..arguments import json_object


__all__ = ["SeriesModelArguments"]


# A family without a recurrence does not see the order of the steps.
TRAINABLE = [name for name, family in FAMILIES.items() if family.cell != "none"]


@dataclass
class SeriesModelArguments:
    """The network, how its inputs are scaled, and what it predicts."""

    model_type: str = field(
        default="gru", metadata={"help": f"Build a new model of this family: {', '.join(TRAINABLE)}. Default: gru."}
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the new model's configuration, given as JSON, such as "
            '\'{"hidden_size": 64, "dropout": 0.1}\'. Default: those of the family.'
        },
    )
    instance_norm: Literal["revin", "last", "none"] = field(
        default="last",
        metadata={
            "help": "Normalisation of each context, undone in its forecast: last (its last value), revin (its mean "
            "and standard deviation) or none. All values are first scaled by the training rows. Default: last, which "
            "was best on the validation part of ETTh1."
        },
    )
    patch_length: int = field(
        default=1, metadata={"help": "Number of successive rows that make one step of the recurrent layers."}
    )
    channel_independent: bool = field(
        default=True,
        metadata={
            "help": "Read each target column by itself, with the same weights for all. Off reads all of them together."
        },
    )
    quantiles: str | None = field(
        default=None,
        metadata={
            "help": "Quantiles to predict beside the mean, separated by commas, such as 0.1,0.5,0.9. Default: none."
        },
    )
    season_length: int | None = field(
        default=None,
        metadata={
            "help": "Number of rows in a season, which the seasonal naive forecast repeats. Default: detected from "
            "the training rows."
        },
    )

    def __post_init__(self) -> None:
        if self.model_type not in TRAINABLE:
            raise ValueError(f"`model_type`={self.model_type!r} must be one of {', '.join(TRAINABLE)}.")
        if self.season_length is not None and self.season_length < 1:
            raise ValueError(f"`season_length`={self.season_length} must be at least 1.")
        self.levels()
        self.overrides()

    def levels(self) -> list[float] | None:
        """`quantiles` as numbers.

        Raises:
            ValueError: they are no rising numbers between 0 and 1.
        """
        if self.quantiles is None:
            return None
        try:
            levels = [float(level) for level in self.quantiles.split(",")]
        except ValueError as error:
            raise ValueError(f"`quantiles`={self.quantiles!r} must be numbers separated by commas.") from error
        if levels != sorted(set(levels)) or not all(0 < level < 1 for level in levels):
            raise ValueError(f"`quantiles`={self.quantiles!r} must be rising numbers between 0 and 1.")
        return levels

    def overrides(self) -> dict[str, Any]:
        """`config_overrides` as a dictionary.

        Raises:
            ValueError: it is not a JSON object.
        """
        return json_object(self.config_overrides, "config_overrides")
