"""The arguments of one-shot verification: which network learns to tell glyphs apart, and what from."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...losses.objective import LOSSES
from ...models.configuration_conv import ConvEncoderConfig
from ..arguments import json_object
from ..overrides import with_overrides
from ..similarity.arguments import SimilarityArguments


__all__ = ["TRAINABLE", "OneShotArguments"]


# The classifier of pairs is left out: it gives no similarity to know a letter by.
TRAINABLE = [name for name, loss in LOSSES.items() if loss.takes != "logits"]


@dataclass
class OneShotArguments(SimilarityArguments):
    """The network that learns to tell glyphs apart, and the letters that it learns from."""

    loss: str = field(
        default="multiple_negatives",
        metadata={"help": f"Loss to train with, or several, separated by commas, to add up: {', '.join(TRAINABLE)}."},
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the encoder's configuration (ConvEncoderConfig), given as JSON, "
            'such as \'{"hidden_sizes": [64, 128, 128], "image_size": 28}\'; the glyphs are drawn at '
            "its `image_size`. Default: those of ConvEncoderConfig."
        },
    )
    pairs_per_letter: int = field(
        default=10, metadata={"help": "Number of pairs of images of each letter in an epoch."}
    )
    train_letters: int | None = field(
        default=None, metadata={"help": "Train on this many of the letters only. Default: all."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.names) <= set(TRAINABLE):
            raise ValueError(f"`loss`={self.loss!r} must be of {', '.join(TRAINABLE)}.")

    def encoder(self) -> ConvEncoderConfig:
        """The configuration that `config_overrides` give.

        Raises:
            ValueError: they are not a JSON object, or no configuration of grey images.
        """
        config = ConvEncoderConfig(**with_overrides({}, json_object(self.config_overrides, "config_overrides")))
        if config.num_channels != 1:
            raise ValueError(f"`num_channels`={config.num_channels} must be 1: glyphs are drawn in grey.")
        return config
