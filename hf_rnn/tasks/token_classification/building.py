"""The tokenizer and the model of a tagger: words rebuilt from pieces for a new recurrent one, pieces for a BERT."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from tokenizers import pre_tokenizers
from transformers import AutoModelForTokenClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ...checksums import check_source
from ...data.readers.sentences import TokenClassificationData
from ...data.readers.sources import training_column
from ...data.tokenizers.word_pieces import train_word_pieces
from ...data.tokenizers.word_vocabulary import choose_words, marks_words, spell_tokens
from ...data.vectors import fill_embeddings
from ...models.configuration_rnn import RecurrentConfig
from ..arguments import ModelArguments, WordArguments
from ..building import (
    bare_encoder,
    build_model,
    checkpoint_config,
    named_vectors,
    new_model,
    trained_labels,
    with_new_head,
)
from ..overrides import check_tokens, width_of_vectors, with_overrides


__all__ = ["TAGGER_DEFAULTS", "build_tagger", "tagger_tokenizer"]


logger = logging.getLogger(__name__)

# What a new tagger has unless `config_overrides` say otherwise.
TAGGER_DEFAULTS = {"char_encoder": "cnn", "casing_features": True, "crf": True}
# What changes the labels, where `config_overrides` contradict them.
FLAGS_OF_LABELS = dict.fromkeys(("num_labels", "id2label", "label2id"), "class_names")


def tagger_tokenizer(
    arguments: WordArguments,
    model: ModelArguments,
    sentences: Sequence[Sequence[str]],
    *,
    checkpoint: str | None = None,
    show_progress: bool = True,
) -> PreTrainedTokenizerBase:
    """The tokenizer of `checkpoint`, the one that is named, that of the model, or one trained on `sentences`."""
    if model.init_from_lm is not None:
        raise ValueError(
            f"`init_from_lm`={model.init_from_lm!r} starts models that read tokens; a new tagger reads words."
        )
    path = checkpoint or arguments.tokenizer_name_or_path or model.model_name_or_path
    if path is None:
        return train_word_pieces(sentences, vocab_size=arguments.piece_vocab_size, show_progress=show_progress)
    check_source(path)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        path,
        revision=model.revision if path == model.model_name_or_path else "main",
        trust_remote_code=model.trust_remote_code,
        # Byte-level ones do not take words without it; to the others it means nothing.
        add_prefix_space=True,
    )
    # Predictions are read from a row's beginning.
    tokenizer.padding_side = "right"
    if tokenizer.is_fast and isinstance(tokenizer.backend_tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel):
        # transformers heeds the argument in a few classes only. Without it words that are given one by one have other
        # tokens than the text a pipeline reads.
        tokenizer.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    return tokenizer


def build_tagger(
    arguments: ModelArguments,
    word_arguments: WordArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TokenClassificationData,
) -> PreTrainedModel:
    """The checkpoint, with a new head where `data` have other labels; or a new model: of words, where the tokenizer
    marks them, with characters, capitals and a CRF (whose rules are those of BIOES, for entities), as far as
    `config_overrides` say nothing else.
    """
    labels: dict[str, Any] = {
        "id2label": dict(enumerate(data.label_names)),
        "label2id": {name: index for index, name in enumerate(data.label_names)},
    }
    new = arguments.model_name_or_path is None
    of_words = new and marks_words(tokenizer)
    if new or bare_encoder(arguments) is not None:
        labels |= TAGGER_DEFAULTS if of_words else {"crf": True}
        crf = arguments.overrides().get("crf", True)
        labels["label_scheme"] = "BIOES" if crf and data.is_entities else None
    trained = trained_labels(arguments)
    if trained is not None and sorted(trained, key=trained.__getitem__) != data.label_names:
        return _relabelled(arguments, tokenizer, data, labels)
    if not of_words:
        return build_model(arguments, AutoModelForTokenClassification, tokenizer, flags=FLAGS_OF_LABELS, **labels)
    check_tokens(arguments.overrides(), tokenizer)
    values = with_overrides(labels, arguments.overrides(), flags=FLAGS_OF_LABELS)
    return _word_model(arguments, word_arguments, tokenizer, data, values)


def _relabelled(
    arguments: ModelArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TokenClassificationData,
    labels: dict[str, Any],
) -> PreTrainedModel:
    """The checkpoint with a head that starts at random, even where its own has as many labels."""
    config: Any = checkpoint_config(arguments)
    if isinstance(config, RecurrentConfig):
        scheme = config.label_scheme or "BIOES"
        labels["label_scheme"] = scheme if config.crf and data.is_entities else None
    trained = build_model(arguments, AutoModelForTokenClassification, tokenizer, flags=FLAGS_OF_LABELS, **labels)
    return with_new_head(trained)


def _word_model(
    arguments: ModelArguments,
    word_arguments: WordArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TokenClassificationData,
    values: dict[str, Any],
) -> PreTrainedModel:
    for name in ("word_vocab_size", "max_token_bytes"):
        if name in values:
            raise ValueError(
                f"`config_overrides` give `{name}`={values[name]!r}, which follows from the tokenizer and the words; "
                "give the argument `word_vocab_size` for fewer words."
            )
    vectors = None
    if arguments.embedding_vectors is not None:
        vectors = named_vectors(arguments.embedding_vectors, arguments.embedding_words)
        values |= width_of_vectors(arguments.overrides(), vectors, arguments.embedding_vectors)
    words = choose_words(training_column(data.splits, "tokens"), word_arguments.word_vocab_size - 1, vectors=vectors)
    spelt, starts = spell_tokens(tokenizer)
    values |= {"word_vocab_size": len(words) + 1, "max_token_bytes": max(2, *map(len, spelt))}
    model = new_model(arguments, AutoModelForTokenClassification, tokenizer, **values)
    embeddings = model.model.embeddings
    embeddings.set_tokens(spelt, starts)
    rows = embeddings.set_words(words)
    if vectors is not None:
        found = fill_embeddings(embeddings.word_embeddings, rows, vectors)
        dimensions, source = vectors.dimensions, arguments.embedding_vectors
        logger.warning("%d words, all with vectors of %d dimensions, as %s has them.", len(found), dimensions, source)
    if arguments.freeze_embeddings:
        embeddings.word_embeddings.requires_grad_(False)
    return model
