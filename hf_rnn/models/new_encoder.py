"""Makes the encoder of a siamese network from its configuration."""

from __future__ import annotations

import importlib
from typing import Any, cast

from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from .configuration_siamese import OWN_ENCODERS


__all__ = ["new_encoder"]


def new_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """An encoder with new weights: one of this folder, which is imported only now, or any that transformers has."""
    if config.model_type in OWN_ENCODERS:
        file, name = OWN_ENCODERS[config.model_type].head_classes()["AutoModel"].split(".")
        encoder: type[PreTrainedModel] = getattr(importlib.import_module(f".{file}", __package__), name)
        return encoder(cast(Any, config))
    return cast(PreTrainedModel, AutoModel.from_config(config))
