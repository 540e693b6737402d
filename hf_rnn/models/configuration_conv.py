"""Configuration of the convolutional encoder of images."""

# No `from __future__ import annotations` here: `@strict` checks types only where annotations are types, not strings.

from dataclasses import field
from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .configuration_checks import OwnFolderMixin, check_positive, refuse_unknown_names


__all__ = ["ConvEncoderConfig"]


@strict
class ConvEncoderConfig(OwnFolderMixin, PreTrainedConfig):
    r"""A stack of convolutions that makes a vector of an image; see `modeling_conv.ConvEncoderModel`.

    The three lists have one entry a block. The network of Koch et al. 2015 ("Siamese neural networks for one-shot
    image recognition") is

        ConvEncoderConfig(
            image_size=105,
            hidden_sizes=[64, 128, 128, 256],
            kernel_sizes=[10, 7, 4, 4],
            pool_sizes=[2, 2, 2, 1],
            padding="valid",
            output_size=4096,
            output_activation="sigmoid",
        )

    Args:
        num_channels (`int`, defaults to 1): Channels of the image: 1 for grey, 3 for colour.
        image_size (`int`, defaults to 28): Height and width in pixels.
        hidden_sizes (`list[int]`, defaults to `[32, 64, 64]`): Filters of each block's convolution.
        kernel_sizes (`list[int]`, defaults to `[3, 3, 3]`): Their heights and widths.
        pool_sizes (`list[int]`, defaults to `[2, 2, 2]`):
            Height, width and stride of each block's max-pooling; 1 for none.
        padding (`"same"` or `"valid"`, defaults to `"same"`):
            `"same"` pads with zeros, so that a convolution keeps height and width; `"valid"` does not pad.
        output_size (`int`, defaults to 64): Features of `pooler_output`, the units of the dense layer at the end.
        output_activation (`"none"`, `"relu"`, `"tanh"` or `"sigmoid"`, defaults to `"none"`): Of the dense layer.
        views (`int`, defaults to 1):
            Outside of training the vector of a picture is the mean over so many views of it: itself, and copies that
            are turned, sheared, scaled and shifted a little, always the same. That many times the time.

    Raises:
        ValueError: for a name that does not exist; the message names the argument.
        StrictDataclassClassValidationError: for a value out of its range, lists of different lengths, or an image that
            the convolutions leave nothing of; the message names the argument.
        StrictDataclassFieldValidationError: for a value of the wrong type.
    """

    # Makes `save_pretrained` put this file, and those it imports, beside the weights (for `trust_remote_code=True`).
    _auto_class: ClassVar[str | None] = "AutoConfig"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["hidden_states"]
    model_type = "conv-encoder"

    num_channels: int = 1
    image_size: int = 28
    hidden_sizes: list[int] = field(default_factory=lambda: [32, 64, 64])
    kernel_sizes: list[int] = field(default_factory=lambda: [3, 3, 3])
    pool_sizes: list[int] = field(default_factory=lambda: [2, 2, 2])
    padding: Literal["same", "valid"] = "same"
    output_size: int = 64
    output_activation: Literal["none", "relu", "tanh", "sigmoid"] = "none"
    views: int = 1

    def __post_init__(self, **kwargs: Any) -> None:
        # The check reads nothing of a recurrent configuration: it serves any dataclass.
        refuse_unknown_names(self, kwargs)
        # transformers' Auto classes walk this list where a configuration may map to a tuple of model classes.
        self.architectures = self.architectures or []
        super().__post_init__(**kwargs)

    @classmethod
    def head_classes(cls) -> dict[str, str]:
        """Auto class → `file.Class` of the model, as `auto_map` in a config.json says it."""
        return {"AutoModel": "modeling_conv.ConvEncoderModel"}

    @property
    def num_hidden_layers(self) -> int:
        """Blocks; transformers counts `hidden_states` from the end by them."""
        return len(self.hidden_sizes)

    @property
    def map_sizes(self) -> list[int]:
        """Height, which is also width, of what leaves each block."""
        sizes = []
        size = self.image_size
        for kernel_size, pool_size in zip(self.kernel_sizes, self.pool_sizes, strict=True):
            size = (size if self.padding == "same" else size - kernel_size + 1) // pool_size
            sizes.append(size)
        return sizes

    def validate_sizes(self) -> None:
        """Sizes are positive, the three lists equally long, and every block leaves something of the image."""
        for name in ("num_channels", "image_size", "output_size", "views"):
            check_positive(name, getattr(self, name))
        for name in ("hidden_sizes", "kernel_sizes", "pool_sizes"):
            for size in getattr(self, name):
                check_positive(name, size)
        if not self.hidden_sizes:
            raise ValueError("`hidden_sizes` is []; it must have at least one entry.")
        for name in ("kernel_sizes", "pool_sizes"):
            if len(getattr(self, name)) != len(self.hidden_sizes):
                raise ValueError(
                    f"`{name}` is {getattr(self, name)}; it must have one entry a block, as many as `hidden_sizes`, "
                    f"which is {self.hidden_sizes}."
                )
        for block, size in enumerate(self.map_sizes):
            if size < 1:
                raise ValueError(
                    f"`image_size` is {self.image_size}, of which block {block} (counted from 0) leaves nothing: it "
                    "must be larger, or `kernel_sizes` and `pool_sizes` smaller."
                )
