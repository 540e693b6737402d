"""Makes a model that is in memory one of 8 bits."""

from __future__ import annotations

from typing import TypeVar

import torch
from transformers import PreTrainedModel

from ..kernels.loading import build_and_load
from .config import HfRnnInt8Config
from .quantizer import HfRnnInt8Quantizer
from .replacing import replace_modules


__all__ = ["quantize"]


Model = TypeVar("Model", bound=PreTrainedModel)


def quantize(model: Model, config: HfRnnInt8Config | None = None) -> Model:
    """Give the recurrent layers and the tables of vectors of a model weights of 8 bits, for inference on the CPU.

    Weights are rounded a row at a time (`rounding.py`), inputs and states as they come; gates and states stay float32,
    and so does everything else: dense layers, CRFs, character encoders. The compiled kernels are built where they are
    not yet, unless `HF_RNN_KERNELS` is 0. `save_pretrained` writes the 8 bits, and `from_pretrained` reads them back,
    where hf_rnn is installed.

    Args:
        model: A model of hf_rnn of float32 with a recurrent layer that has a kernel. It is changed, and set to
            evaluation; `copy.deepcopy` keeps another.
        config: What has 8 bits. Default: `HfRnnInt8Config()`.

    Returns:
        `model`.

    Raises:
        ValueError: `model` is no model of transformers, has 8 bits already, is not of float32, has no such layer, or
            a weight that is NaN or infinite.

    Example:
        >>> import hf_rnn
        >>> from transformers import AutoModelForSequenceClassification
        >>> model = AutoModelForSequenceClassification.from_pretrained(hf_rnn.bundled("bilstm-imdb"))
        >>> hf_rnn.quantize(model).save_pretrained("imdb-int8")  # doctest: +SKIP
    """
    if not isinstance(model, PreTrainedModel):
        raise ValueError(f"`model` is a {type(model).__name__}; it must be a model of transformers.")
    if getattr(model, "is_quantized", False):
        method = getattr(model, "quantization_method", None)
        raise ValueError(f"`model` is quantized already ({method}); it must be the model that it was made of.")
    types = sorted({str(one.dtype) for one in model.parameters() if one.is_floating_point()})
    if any(name != str(torch.float32) for name in types):
        raise ValueError(f"`model` has weights of {', '.join(types)}; they must be torch.float32: call model.float().")
    config = config or HfRnnInt8Config()
    replace_modules(model, config.embeddings, filled=True)
    build_and_load()
    # What `from_pretrained` tells a model that it has quantized.
    model.config.quantization_config = config
    model.hf_quantizer = HfRnnInt8Quantizer(config)  # type: ignore[assignment]
    model.is_quantized, model.quantization_method = True, config.quant_method  # type: ignore[assignment]
    return model.requires_grad_(False).eval()
