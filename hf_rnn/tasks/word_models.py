"""A new model whose steps are words, which it rebuilds from the pieces of its tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.tokenizers.training import check_integer
from ..data.tokenizers.word_vocabulary import choose_words, spell_tokens
from ..data.vectors import WordVectors, fill_embeddings, nearest_words
from .arguments import ModelArguments
from .building import new_model, vector_sources
from .overrides import check_tokens, width_of_vectors, with_overrides


__all__ = ["new_word_model"]


logger = logging.getLogger(__name__)


def new_word_model(
    arguments: ModelArguments,
    auto_class: Any,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Iterable[Sequence[str]],
    *,
    most_words: int,
    argument: str,
    most_aliases: int = 0,
    min_frequency: int = 2,
    flags: Mapping[str, str] | None = None,
    **values: Any,
) -> PreTrainedModel:
    """A model with random weights, or with word vectors where `arguments` name some.

    Args:
        arguments: Which one.
        auto_class: The Auto class of the task.
        tokenizer: One that marks words, see `word_vocabulary.marks_words`.
        sentences: The words of each training text.
        most_words: The most rows of the table of vectors, that of unknown words among them.
        argument: What `most_words` was given by, for errors.
        most_aliases: The most further words that share the vector of the one nearest to their own, where vectors are
            named.
        min_frequency: The fewest occurrences of a word that gets a vector, where none are named.
        flags, values: As `building.build_model` takes them.

    Raises:
        ValueError: as `building.build_model`; `config_overrides` give what follows from the tokenizer and the words.
    """
    overrides = arguments.overrides()
    for name in ("vocab_size", "word_vocab_size", "word_aliases", "max_token_bytes"):
        if name in overrides:
            raise ValueError(
                f"`config_overrides` give `{name}`={overrides[name]!r}, which follows from the tokenizer and the "
                f"words; give the argument `{argument}` for fewer words."
            )
    check_integer(argument, most_words, 2)
    check_integer("min_frequency", min_frequency, 1)
    check_tokens(overrides, tokenizer)
    values = with_overrides(values, overrides, flags=flags)
    words, vectors = _words_and_vectors(arguments, sentences, most_words - 1, min_frequency)
    if vectors is not None:
        values |= width_of_vectors(overrides, vectors, str(arguments.embedding_vectors))
    spelt, starts = spell_tokens(tokenizer)
    # A wide part may need more room.
    values["max_token_bytes"] = max(2, *map(len, spelt), values.get("max_token_bytes", 0))
    aliases = nearest_words(words, vectors, most_aliases) if vectors is not None and most_aliases else {}
    sizes = {"word_vocab_size": len(words) + 1, "word_aliases": len(aliases)}
    model = new_model(arguments, auto_class, tokenizer, **values, **sizes)
    embeddings: Any = model.base_model.embeddings
    embeddings.set_tokens(spelt, starts)
    rows = embeddings.set_words(words, aliases)
    if vectors is not None:
        found = fill_embeddings(embeddings.word_embeddings, rows, vectors)
        dimensions, source = vectors.dimensions, arguments.embedding_vectors
        logger.warning("%d words, all with vectors of %d dimensions, as %s has them.", len(found), dimensions, source)
        if aliases:
            logger.warning("%d further words share the vector of the nearest of them.", len(aliases))
    if arguments.freeze_embeddings:
        embeddings.word_embeddings.requires_grad_(False)
    return model


def _words_and_vectors(
    arguments: ModelArguments, sentences: Iterable[Sequence[str]], most: int, min_frequency: int
) -> tuple[list[str], WordVectors | None]:
    """The words, at most `most`, and their vectors where `arguments` name some."""
    if arguments.embedding_vectors is None:
        return choose_words(sentences, most, min_frequency=min_frequency), None
    sources = vector_sources(arguments)
    if sources.are_made:
        vectors = sources.read(sources.words(sentences, most))
        return list(vectors.rows), vectors
    vectors = sources.read()
    return choose_words(sentences, most, vectors=vectors), vectors
