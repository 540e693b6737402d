"""The pretrained encoder that a new model starts from where the texts are in a language that it knows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from ..bundles import bundled
from ..data.language import find_language
from .arguments import ModelArguments


__all__ = ["BASES", "FINE_TUNING", "language_of", "reshaped_by", "start_from_base"]


logger = logging.getLogger(__name__)

# Language → the bundled encoder that knows it.
BASES = {"en": "bilstm-base-en", "pt": "bilstm-base-pt"}
# The family of the encoders.
FAMILY = "bilstm"
# How much a model that starts from an encoder without a head drops, unless other values are given: it has few weights
# to find, and would learn few rows by heart in an epoch.
FINE_TUNING: dict[str, Any] = {"embedding_dropout": 0.3, "word_dropout": 0.1, "dropout": 0.5}
# Fields of the arguments of a tokenizer that are about how texts are cut, which any tokenizer does.
_OF_LENGTH = frozenset({"max_seq_length", "max_eval_seq_length", "truncation", "label_all_tokens"})


def language_of(texts: Sequence[str], given: str | None) -> str | None:
    """Give the language of the training texts: the one that was told, or else the one that is found in them."""
    return find_language(texts) if given is None else given


def start_from_base(arguments: ModelArguments, tokenizer: Any, language: str | None) -> None:
    """Have a new model start from the encoder that knows `language`: it becomes the `model_name_or_path`.

    It stays as it is where the arguments say what the model starts with, of which sizes it is or which tokens it
    reads. A line says which of these, or which language, makes it a model of random weights.

    Args:
        arguments: Those of the model; changed in place.
        tokenizer: The arguments of its tokenizer.
        language: As [`language_of`] gives it.
    """
    if arguments.model_name_or_path is not None or arguments.init_from_lm is not None:
        return
    reason = _why_not(arguments, tokenizer, language)
    if reason is not None:
        logger.warning("The model starts from random weights: %s.", reason)
        return
    name = _base_of(str(language))
    logger.warning("The model starts from bundled:%s, which knows the language of the texts (%s).", name, language)
    arguments.model_type, arguments.model_name_or_path = None, bundled(str(name))


def _base_of(language: str) -> str | None:
    # A code may have a region, which changes nothing here: en-GB.
    return BASES.get(language.lower().replace("_", "-").split("-")[0])


def _why_not(arguments: ModelArguments, tokenizer: Any, language: str | None) -> str | None:
    if arguments.from_scratch:
        return "`from_scratch` is given"
    if arguments.model_type not in (None, FAMILY):
        return f"`model_type` is {arguments.model_type}; there are pretrained weights of {FAMILY} alone"
    if arguments.embedding_vectors is not None:
        return "`embedding_vectors` is given"
    for field in fields(tokenizer):
        if field.name not in _OF_LENGTH and (value := getattr(tokenizer, field.name)) != field.default:
            return f"`{field.name}`={value!r} asks for a tokenizer of its own"
    if language is None:
        return (
            f"the language of the texts was not found; `language` tells it (there is a start for {', '.join(BASES)})"
        )
    if _base_of(language) is None:
        return f"the texts are in the language {language}; there are pretrained weights for {', '.join(BASES)}"
    changed = reshaped_by(arguments.overrides())
    return f"`config_overrides` change {changed}, which the pretrained weights settle" if changed else None


def reshaped_by(overrides: Mapping[str, Any]) -> str | None:
    """The first of these values of a configuration by which a weight of an encoder in [`BASES`] would have another
    shape or be missing; None: there is none.
    """
    for name in BASES.values() if overrides else ():
        folder = bundled(name)
        for key, value in overrides.items():
            if _shapes(folder) != _shapes(folder, **{key: value}):
                return f"`{key}`"
    return None


def _shapes(folder: str, **values: Any) -> dict[str, torch.Size]:
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.from_pretrained(folder, **values))
    return {key: weight.shape for key, weight in model.state_dict().items()}
