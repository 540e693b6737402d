"""The siamese network of a training run, from its arguments."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModel, PreTrainedTokenizerBase

from ...losses.objective import LOSSES
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_siamese import SiameseForPairClassification, SiameseModel, SiamesePreTrainedModel
from ...progress import without_weight_bars
from ..arguments import ModelArguments
from ..building import build_model, checkpoint_config
from .arguments import SimilarityArguments


__all__ = ["LABEL_NAMES", "build_siamese"]


# A classifier of pairs calls its labels 0 and 1 so.
LABEL_NAMES = ("different", "alike")


@without_weight_bars()
def build_siamese(
    arguments: ModelArguments, similarity: SimilarityArguments, tokenizer: PreTrainedTokenizerBase
) -> SiamesePreTrainedModel:
    """A siamese network over a new encoder (`model_type`, `config_overrides`) or over any checkpoint; or a checkpoint
    that is one already. With the loss `classification` it is a `SiameseForPairClassification`.

    Raises:
        ValueError: as `building.build_model`; or arguments that a trained siamese network has settled.
    """
    model_class = SiameseForPairClassification if similarity.classifies else SiameseModel
    config, path = checkpoint_config(arguments), arguments.model_name_or_path
    if path is None or config is None or config.model_type != SiameseConfig.model_type:
        values: dict[str, Any] = {"similarity": similarity.similarity or LOSSES[similarity.names[0]].similarity}
        if similarity.classifies:
            values |= {
                "id2label": dict(enumerate(LABEL_NAMES)),
                "label2id": {name: index for index, name in enumerate(LABEL_NAMES)},
                "problem_type": "single_label_classification",
            }
        encoder = build_model(arguments, AutoModel, tokenizer)
        return model_class.from_encoder(encoder, **values, **similarity.overrides())
    if arguments.config_overrides is not None:
        raise ValueError(
            f"`config_overrides`={arguments.config_overrides!r} was given, but `model_name_or_path`={path!r} is a "
            "siamese network, which has an encoder."
        )
    given: dict[str, Any] = {}
    if similarity.similarity is not None:
        # The threshold was one of another scale.
        given = {"similarity": similarity.similarity, "threshold": None, "threshold_metric": None}
    # No Auto class loads it: where the folder carries code, this is the same code and needs no trust.
    model: SiamesePreTrainedModel = model_class.from_pretrained(
        path, revision=arguments.revision, dtype=torch.float32, **given, **similarity.overrides()
    )
    return model
