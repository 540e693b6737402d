"""The siamese network of a training run, from its arguments."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModel, PreTrainedConfig, PreTrainedTokenizerBase

from ...inference.answers import PAIR_LABELS
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_siamese import SiameseForPairClassification, SiameseModel, SiamesePreTrainedModel
from ...progress import without_weight_bars
from ..arguments import ModelArguments
from ..building import build_model, checkpoint_config
from ..overrides import with_overrides
from .arguments import SimilarityArguments


__all__ = ["LABEL_NAMES", "build_siamese", "pair_label_names"]


logger = logging.getLogger(__name__)

# A classifier of pairs calls its labels 0 and 1 so.
LABEL_NAMES = PAIR_LABELS
# A pair that is read together is classified by a dense layer of so many units.
TOGETHER: dict[str, Any] = {
    "composition": "recurrent",
    "classifier_hidden_sizes": [64],
    "classifier_dropout": 0.5,
}
# What a new encoder of it has; without dropout it learns the training pairs by heart in an epoch.
ENCODER_TOGETHER = {"hidden_size": 64, "embedding_dropout": 0.5, "word_dropout": 0.2}


def pair_label_names(similarity: SimilarityArguments, classes: Sequence[str] | None) -> Sequence[str]:
    """Name the labels of a classifier of pairs: the `classes` of the data; one name where it tells a score."""
    return ("score",) if similarity.regresses else classes or LABEL_NAMES


@without_weight_bars()
def build_siamese(
    arguments: ModelArguments,
    similarity: SimilarityArguments,
    tokenizer: PreTrainedTokenizerBase,
    label_names: Sequence[str] = LABEL_NAMES,
) -> SiamesePreTrainedModel:
    """A siamese network over a new encoder (`model_type`, `config_overrides`) or over any checkpoint; or a checkpoint
    that is one already. With the loss `classification` it is a `SiameseForPairClassification` of `label_names`; a
    checkpoint of other labels gets a new last layer, and a line says so.

    Raises:
        ValueError: as `building.build_model`; or arguments that a trained siamese network has settled.
    """
    model_class = SiameseForPairClassification if similarity.classifies else SiameseModel
    labels = _labels(label_names, similarity.regresses) if similarity.classifies else {}
    config, path = checkpoint_config(arguments), arguments.model_name_or_path
    overrides = with_overrides(labels, _around(similarity, label_names, config), argument="siamese_overrides")
    if path is None or config is None or config.model_type != SiameseConfig.model_type:
        if similarity.read_together and path is None and arguments.init_from_lm is None:
            arguments = arguments.overridden({**ENCODER_TOGETHER, **arguments.overrides()})
        return model_class.from_encoder(
            build_model(arguments, AutoModel, tokenizer), similarity=similarity.compares_by, **overrides
        )
    if arguments.config_overrides is not None:
        raise ValueError(
            f"`config_overrides`={arguments.config_overrides!r} was given, but `model_name_or_path`={path!r} is a "
            "siamese network, which has an encoder."
        )
    given: dict[str, Any] = {}
    if similarity.similarity is not None:
        # The threshold was one of another scale.
        given = {"similarity": similarity.similarity, "threshold": None, "threshold_metric": None}
    relabelled = similarity.classifies and list((config.id2label or {}).values()) != list(label_names)
    if relabelled:
        logger.warning(
            "The last layer of the classifier is new: %s has other labels than these: %s.",
            path,
            ", ".join(label_names),
        )
        given |= {**labels, "ignore_mismatched_sizes": True}
    if similarity.read_together and config.composition is None:
        logger.warning("The classifier is new: %s does not read the texts of a pair together.", path)
        given["ignore_mismatched_sizes"] = True
    # No Auto class loads it: where the folder carries code, this is the same code and needs no trust.
    model: SiamesePreTrainedModel = model_class.from_pretrained(
        path,
        revision=arguments.revision,
        dtype=torch.float32,
        **given,
        **{name: value for name, value in overrides.items() if name not in labels},
    )
    if relabelled:
        # Of equally many labels the weights would have been kept.
        output: Any = model.get_submodule("output")
        torch.nn.init.xavier_uniform_(output.weight)
        torch.nn.init.zeros_(output.bias)
    return model


def _around(
    similarity: SimilarityArguments, label_names: Sequence[str], config: PreTrainedConfig | None
) -> dict[str, Any]:
    """The values of the configuration around the encoder; those of a checkpoint that reads pairs together stay."""
    given = similarity.overrides()
    if not similarity.read_together or getattr(config, "composition", None) is not None:
        return given
    # Which text is the first matters for classes such as entailment, and for nothing else.
    symmetric = similarity.regresses or list(label_names) == list(LABEL_NAMES)
    return {**TOGETHER, "symmetric": symmetric, **given}


def _labels(names: Sequence[str], numbers: bool) -> dict[str, Any]:
    """Give what a configuration says of the labels of a classifier, or of its one number."""
    return {
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": "regression" if numbers else "single_label_classification",
    }
