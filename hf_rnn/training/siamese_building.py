"""The siamese network of a training run, from its arguments."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel, PreTrainedTokenizerBase

from ..models.configuration_siamese import SiameseConfig
from ..models.modeling_siamese import SiameseModel
from .arguments import ModelArguments
from .building import build_model, checkpoint_config
from .similarity_objective import LOSSES, SimilarityArguments


def build_siamese(
    arguments: ModelArguments, similarity: SimilarityArguments, tokenizer: PreTrainedTokenizerBase
) -> SiameseModel:
    """
    A siamese network over a new encoder (`model_type`, `config_overrides`) or over any checkpoint; or a checkpoint
    that is one already.

    Raises:
        ValueError: as `building.build_model`; or arguments that a trained siamese network has settled.
    """
    config = checkpoint_config(arguments)
    values: dict[str, Any] = {
        "similarity": similarity.similarity,
        "pooling": similarity.encoder_pooling,
        "projection_size": similarity.projection_size,
    }
    given = {name: value for name, value in values.items() if value is not None}
    path = arguments.model_name_or_path
    if path is None or config is None or config.model_type != SiameseConfig.model_type:
        encoder = build_model(arguments, AutoModel, tokenizer)
        return SiameseModel.from_encoder(encoder, **{"similarity": LOSSES[similarity.names[0]].similarity, **given})
    settled = {
        "config_overrides": arguments.config_overrides,
        "encoder_pooling": similarity.encoder_pooling,
        "projection_size": similarity.projection_size,
    }
    for name, value in settled.items():
        if value is not None:
            raise ValueError(
                f"`{name}`={value!r} was given, but `model_name_or_path`={path!r} is a siamese network, which has one."
            )
    model: SiameseModel = AutoModel.from_pretrained(
        path,
        revision=arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
        dtype=torch.float32,
        **given,
    )
    return model


__all__ = ["build_siamese"]
