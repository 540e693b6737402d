"""The steps of a new classifier of texts: words that know their spelling, or the tokens of its tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ...data.tokenizers.text_pieces import words_of
from ...data.tokenizers.word_vocabulary import marks_words
from ..arguments import ModelArguments, TokenizerArguments
from ..building import build_model
from ..word_models import new_word_model


__all__ = ["WORD_DEFAULTS", "build_classifier", "with_kind"]


# What a new model of words has unless `config_overrides` say otherwise.
WORD_DEFAULTS: dict[str, Any] = {"char_encoder": "cnn"}
# What changes how the labels are read, where `config_overrides` contradict them.
FLAGS_OF_LABELS = {
    "problem_type": "problem_type",
    **dict.fromkeys(("num_labels", "id2label", "label2id"), "class_names"),
}


def with_kind(tokenizer: TokenizerArguments, model: ModelArguments) -> TokenizerArguments:
    """`tokenizer` with the kind that is trained where none was given: pieces, of which the model makes words; words
    as they are where it starts from word vectors, or has no table of embeddings.
    """
    if tokenizer.tokenizer_kind is not None:
        return tokenizer
    whole = model.embedding_vectors is not None or bool(model.overrides().get("one_hot_input"))
    return replace(tokenizer, tokenizer_kind="word" if whole else "pieces")


def build_classifier(
    arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    tokenizer: PreTrainedTokenizerBase,
    texts: Iterable[str],
    **values: Any,
) -> PreTrainedModel:
    """The checkpoint; or a new model, of words with their spelling where the tokenizer marks words.

    Args:
        arguments: Which one.
        tokenizer_arguments: `vocab_size` and `min_frequency` say which words get a vector of their own.
        texts: Those of training, in which the words are counted.
        values: As `building.build_model` takes them.

    Raises:
        ValueError: as `building.build_model` and `word_models.new_word_model`.
    """
    new = arguments.model_name_or_path is None and arguments.init_from_lm is None
    if not new or arguments.overrides().get("one_hot_input") or not marks_words(tokenizer):
        return build_model(arguments, AutoModelForSequenceClassification, tokenizer, flags=FLAGS_OF_LABELS, **values)
    return new_word_model(
        arguments,
        AutoModelForSequenceClassification,
        tokenizer,
        words_of(cast(Any, tokenizer), texts),
        most_words=tokenizer_arguments.vocab_size,
        argument="vocab_size",
        min_frequency=tokenizer_arguments.min_frequency,
        flags=FLAGS_OF_LABELS,
        **WORD_DEFAULTS,
        **values,
    )
