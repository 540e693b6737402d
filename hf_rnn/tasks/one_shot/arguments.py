"""The arguments of one-shot verification: which network learns to tell pictures apart, and what from."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...losses.objective import LOSSES
from ...models.configuration_conv import ConvEncoderConfig
from ..arguments import json_object
from ..overrides import with_overrides
from ..similarity.arguments import SimilarityArguments


__all__ = ["TRAINABLE", "OneShotArguments"]


# The classifier of pairs is left out: it gives no similarity to know a letter by. Triplets are mined in the batch.
TRAINABLE = [name for name, loss in LOSSES.items() if loss.takes not in ("logits", "triplets")]


@dataclass
class OneShotArguments(SimilarityArguments):
    """The network that learns to tell pictures apart, and what it learns from: drawn glyphs, or a folder."""

    image_folder: str | None = field(
        default=None,
        metadata={
            "help": "Folder of pictures to learn from, with a folder for each class, or with folders train, "
            "validation and test that hold the folders of the classes. Default: drawn letters of many scripts."
        },
    )

    loss: str = field(
        default="multiple_negatives",
        metadata={"help": f"Loss to train with, or several, separated by commas, to add up: {', '.join(TRAINABLE)}."},
    )
    config_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the encoder's configuration (ConvEncoderConfig), given as JSON, "
            'such as \'{"hidden_sizes": [64, 128, 128], "image_size": 28}\'; the glyphs are drawn at '
            "its `image_size`, and pictures stretched to it; `num_channels` is 1 for grey and 3 for colour. Default: "
            "those of ConvEncoderConfig; pictures of a folder are in colour if one of them is."
        },
    )
    pairs_per_letter: int = field(
        default=10, metadata={"help": "Number of pairs of images of each letter, or class, in an epoch. Default: 10."}
    )
    train_letters: int | None = field(
        default=None, metadata={"help": "Train on only this many of the letters. Default: all."}
    )
    hold_out_percentage: float = field(
        default=20.0,
        metadata={
            "help": "Share of the classes of `image_folder` to hold out for validation, in percent, if it has no "
            "folder validation; at least two classes. Default: 20.0."
        },
    )
    affine: float | None = field(
        default=None,
        metadata={
            "help": "Strength of the random affine distortions of the pictures of `image_folder` in training; 1 for "
            "those of Koch et al. 2015 (up to 10 degrees, shear 0.3, scale 0.8 to 1.2), 0 for none. Default: 1."
        },
    )
    trim: bool = field(
        default=False,
        metadata={
            "help": "Cut each drawing of `image_folder` out of the plain paper around it, so that neither its place "
            "nor its size matters. The saved image processor does the same. Default: off."
        },
    )
    turned_classes: bool = field(
        default=False,
        metadata={
            "help": "Add three training classes for each class of `image_folder`: its pictures turned by 90, 180 and "
            "270 degrees. Default: off."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not set(self.names) <= set(TRAINABLE):
            raise ValueError(f"`loss`={self.loss!r} must be of {', '.join(TRAINABLE)}.")
        if self.affine is not None and not 0 <= self.affine < float("inf"):
            raise ValueError(f"`affine`={self.affine} must be a finite number of at least 0.")
        if not 0 < self.hold_out_percentage < 100:
            raise ValueError(f"`hold_out_percentage`={self.hold_out_percentage} must lie between 0 and 100.")
        given = {"affine": self.affine is not None, "trim": self.trim, "turned_classes": self.turned_classes}
        wrong = [name for name in given if given[name]] if self.image_folder is None else []
        if wrong:
            raise ValueError(f"`{wrong[0]}`={getattr(self, wrong[0])!r} is for pictures: give `image_folder`, too.")
        if self.image_folder is not None and self.train_letters is not None:
            raise ValueError(f"`train_letters`={self.train_letters} is for glyphs; `image_folder` has none.")

    def encoder(self, channels: int = 1) -> ConvEncoderConfig:
        """The configuration that `config_overrides` give.

        Args:
            channels: Those of the pictures, where the overrides do not say it.

        Raises:
            ValueError: they are not a JSON object, or no configuration of images, which for glyphs must be grey.
        """
        overrides = json_object(self.config_overrides, "config_overrides")
        config = ConvEncoderConfig(**with_overrides({"num_channels": channels}, overrides))
        if config.num_channels not in (1, 3):
            raise ValueError(f"`num_channels`={config.num_channels} must be 1, for grey pictures, or 3, for colour.")
        if config.num_channels != 1 and self.image_folder is None:
            raise ValueError(f"`num_channels`={config.num_channels} must be 1: glyphs are drawn in grey.")
        return config
