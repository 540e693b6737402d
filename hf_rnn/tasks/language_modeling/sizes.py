"""The sizes, the dropout and the length that a new language model gets of its text, where nobody says them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


__all__ = ["CHARACTERS", "fewest_epochs", "size_values"]


# A vocabulary of characters, or of bytes, is one of so many tokens at most.
CHARACTERS = 512
# Up to how many tokens of text → dropout of what a layer reads and gives, and of its recurrent weights. A small text
# is learnt by heart without them: 50,000 characters of a book came to 2.59 bits a character with none, to 2.33 with
# these, and n-grams to 2.31 (validation).
CHARACTER_DROPOUT = {100_000: (0.5, 0.3), 300_000: (0.3, 0.2)}
LEAST_CHARACTER_DROPOUT = (0.2, 0.1)
CHARACTER_UNITS = 256
# Words and pieces: few of them need more units, since an update of a small vocabulary takes little time.
FEW_WORDS, FEW_WORDS_UNITS, WORD_UNITS = 50_000, 256, 128
FEW_WORDS_DROPOUT, WORD_DROPOUT, WORD_EMBEDDING_DROPOUT = 0.5, 0.4, 0.2
# A short text in characters is read until so many have been read, within bounds.
CHARACTERS_READ, FEWEST_EPOCHS, MOST_EPOCHS = 8_000_000, 10, 30
# What a user gives in place of all the sizes.
SIZES = ("hidden_size", "hidden_sizes", "embedding_size", "one_hot_input", "tie_word_embeddings")


def size_values(
    tokens: int, vocab_size: int, overrides: Mapping[str, Any], *, has_vectors: bool = False
) -> dict[str, Any]:
    """Choose the values of a new model's configuration for a text: units, tied embeddings, dropout.

    Args:
        tokens: Those of the training text.
        vocab_size: Those of the tokenizer. Few are characters, many are words or pieces.
        overrides: What the user gives. One of the sizes is taken for all of them; each dropout stands for itself.
        has_vectors: The embeddings start from vectors, which have a width of their own.

    Returns:
        Values that are not among `overrides`.

    Example:
        >>> size_values(50_000, 90, {"dropout": 0.0})
        {'hidden_size': 256, 'weight_dropout': 0.3}
    """
    sizes, dropout = _of_characters(tokens) if vocab_size <= CHARACTERS else _of_words(tokens)
    if has_vectors or any(name in overrides for name in SIZES):
        sizes = {}
    return {name: value for name, value in {**sizes, **dropout}.items() if name not in overrides}


def fewest_epochs(tokens: int, vocab_size: int) -> int:
    """Choose how often a text is read at least: 10 times, and up to 30 times one of few characters.

    Example:
        >>> [fewest_epochs(tokens, 90) for tokens in (50_000, 200_000, 1_000_000)]
        [30, 30, 10]
    """
    if vocab_size > CHARACTERS:
        return FEWEST_EPOCHS
    return min(max(CHARACTERS_READ // max(1, tokens), FEWEST_EPOCHS), MOST_EPOCHS)


def _of_characters(tokens: int) -> tuple[dict[str, Any], dict[str, Any]]:
    dropout, weight_dropout = next(
        (each for most, each in CHARACTER_DROPOUT.items() if tokens <= most), LEAST_CHARACTER_DROPOUT
    )
    return {"hidden_size": CHARACTER_UNITS}, {"dropout": dropout, "weight_dropout": weight_dropout}


def _of_words(tokens: int) -> tuple[dict[str, Any], dict[str, Any]]:
    few = tokens <= FEW_WORDS
    units = FEW_WORDS_UNITS if few else WORD_UNITS
    dropout = {"dropout": FEW_WORDS_DROPOUT if few else WORD_DROPOUT, "embedding_dropout": WORD_EMBEDDING_DROPOUT}
    return {"hidden_size": units, "embedding_size": units, "tie_word_embeddings": True}, dropout
