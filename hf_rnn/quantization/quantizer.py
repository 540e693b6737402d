"""The quantizer by which `from_pretrained` and `save_pretrained` of transformers know models of 8 bits."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from transformers.quantizers.base import HfQuantizer
from transformers.utils import logging

from .config import METHOD, HfRnnInt8Config


if TYPE_CHECKING:
    # This module is imported while transformers imports its models.
    from transformers import PreTrainedModel


__all__ = ["HfRnnInt8Quantizer", "register_with"]


logger = logging.get_logger(__name__)


class HfRnnInt8Quantizer(HfQuantizer):
    """Reads and writes models whose weights are of 8 bits, and rounds those that are loaded of floating point."""

    requires_calibration = False
    is_trainable = False
    quantization_config: HfRnnInt8Config

    def is_serializable(self) -> bool:
        """Whether such a model can be saved: always."""
        return True

    def update_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """The type that what has no 8 bits is loaded in: float32, whatever was asked for."""
        if dtype != torch.float32:
            logger.warning_once(f"`dtype` is {dtype}; a model of 8 bits computes in torch.float32, and is loaded so.")
        return torch.float32

    def _process_model_before_weight_loading(self, model: PreTrainedModel, **_: Any) -> None:
        if self.pre_quantized:
            from .replacing import replace_modules

            replace_modules(model, self.quantization_config.embeddings, filled=False)

    def _process_model_after_weight_loading(self, model: PreTrainedModel, **_: Any) -> PreTrainedModel:
        from ..kernels.loading import build_and_load
        from .replacing import replace_modules

        if not self.pre_quantized:
            replace_modules(model, self.quantization_config.embeddings, filled=True)
        build_and_load()
        return model.requires_grad_(False).eval()


def register_with(auto: ModuleType) -> None:
    """Make `transformers.quantizers.auto` know the quantizer and its configuration."""
    if METHOD not in auto.AUTO_QUANTIZER_MAPPING:
        auto.register_quantization_config(METHOD)(HfRnnInt8Config)
        auto.register_quantizer(METHOD)(HfRnnInt8Quantizer)
