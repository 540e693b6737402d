"""A convolutional encoder of images, the small one that a siamese network is put over:

    (convolution → relu → max-pooling) × blocks → dense

Koch, Zemel & Salakhutdinov 2015, "Siamese neural networks for one-shot image recognition", ICML Deep Learning
Workshop.
"""

# No `from __future__ import annotations` here: transformers reads `config: ConvEncoderConfig` as a type, not a string.

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndNoAttention
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .configuration_conv import ConvEncoderConfig
from .placed import PlacedMixin
from .tracing import shape_of
from .views import views_of
from .weight_files import DamagedWeightsMixin


if TYPE_CHECKING:
    # transformers copies what a model's file imports: by this line the image processor's code goes with the model.
    from .image_processing_conv import ConvImageProcessor  # noqa: F401


__all__ = ["ConvBlock", "ConvEncoderModel"]


ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


class ConvBlock(nn.Sequential):
    """(batch, channels, height, width) → (batch, filters, smaller height, smaller width)."""

    def __init__(self, config: ConvEncoderConfig, index: int) -> None:
        channels = [config.num_channels, *config.hidden_sizes]
        super().__init__(
            nn.Conv2d(channels[index], channels[index + 1], config.kernel_sizes[index], padding=config.padding),
            nn.ReLU(),
            nn.MaxPool2d(config.pool_sizes[index]),
        )


class ConvEncoderModel(DamagedWeightsMixin, PlacedMixin, PreTrainedModel):
    """An image's vector, and the maps of filters that it is made of; see [`ConvEncoderConfig`]."""

    config: ConvEncoderConfig
    config_class = ConvEncoderConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    _auto_class = "AutoModel"
    _can_record_outputs = {
        "hidden_states": OutputRecorder(ConvBlock, index=0, capture_initial_hidden_state=False),
    }

    def __init__(self, config: ConvEncoderConfig) -> None:
        super().__init__(config)
        config.validate()
        self.blocks = nn.ModuleList(ConvBlock(config, index) for index in range(len(config.hidden_sizes)))
        self.dense = nn.Linear(config.hidden_sizes[-1] * config.map_sizes[-1] ** 2, config.output_size)
        self.activation = ACTIVATIONS[config.output_activation]()
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """He's for the convolutions, which a relu follows; Xavier's for the dense layer; biases 0."""
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
        else:
            super()._init_weights(module)
            return
        if module.bias is not None:
            init.zeros_(module.bias)

    @capture_outputs
    def forward(self, pixel_values: torch.Tensor, **kwargs: Any) -> BaseModelOutputWithPoolingAndNoAttention:
        """Args:
            pixel_values: (batch, `config.num_channels`, `config.image_size`, `config.image_size`), floating point.

        Returns `last_hidden_state` (batch, filters, height, width) of the last block, `pooler_output`
        (batch, `config.output_size`), and, with `output_hidden_states=True`, every block's maps in `hidden_states`:
        with `config.views` above 1 those of all views, view after view.

        Raises:
            ValueError: if the images are of another shape, or whole numbers.
        """
        wanted = (self.config.num_channels, self.config.image_size, self.config.image_size)
        if pixel_values.dim() != 4 or shape_of(pixel_values)[1:] != wanted:
            raise ValueError(
                f"`pixel_values` has shape {shape_of(pixel_values)}; it must be (batch, channels, height, width) "
                f"= (batch, {', '.join(map(str, wanted))})."
            )
        if not pixel_values.is_floating_point():
            raise ValueError(
                f"`pixel_values` is {pixel_values.dtype}; it must be floating point, grey values from 0 to 1."
            )
        pixels = pixel_values.to(self.dtype)
        count = 1 if self.training else self.config.views
        hidden_states = pixels if count == 1 else views_of(pixels, count)
        for block in self.blocks:
            hidden_states = block(hidden_states)
        vectors = self.activation(self.dense(hidden_states.flatten(1)))
        if count > 1:
            vectors = vectors.unflatten(0, (count, -1)).mean(0)
        return BaseModelOutputWithPoolingAndNoAttention(
            last_hidden_state=hidden_states[: pixels.shape[0]], pooler_output=vectors
        )
