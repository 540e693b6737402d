"""Static vectors for words of any vocabulary: what a pretrained encoder says of each word alone, made short.

A word is read alone, the mean of the last states is its vector, and principal component analysis makes it short
(Tulkens & van Dongen 2024, model2vec, https://github.com/MinishLab/model2vec). Vectors of several sources are joined
before that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import models
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.tokenization_utils_base import LARGE_INTEGER
from transformers.utils import logging

from ..bundles import named_if_missing
from ..checksums import check_source
from ..progress import without_load_report, without_weight_bars
from .tokenizers.word_pieces import WORD_START, token_bytes
from .vectors import WordVectors


__all__ = ["encoder_vectors", "encoder_words", "join_vectors", "principal_components"]


BATCH_SIZE = 256
# The standard deviation of the numbers of vectors that are made short; that of GloVe's is about as large.
SCALE = 0.3


def encoder_words(name: str) -> list[str]:
    """The whole words, in lower case, that an encoder's own vocabulary holds, in its order, which is often that of
    frequency: letters and digits, of digits alone no more than four, and single punctuation marks.

    Args:
        name: A Hub id or a folder.

    Raises:
        OSError: there is no such encoder.
    """
    tokenizer = _tokenizer_of(name)
    vocabulary, special = tokenizer.get_vocab(), set(tokenizer.all_special_tokens)
    spell = _speller(tokenizer)
    spelt = (spell(token).lower() for token in sorted(vocabulary, key=vocabulary.__getitem__) if token not in special)
    return list(dict.fromkeys(word for word in spelt if _is_word(word)))


def _tokenizer_of(name: str) -> PreTrainedTokenizerBase:
    check_source(name)
    with named_if_missing(name, "embedding_vectors", f"encoder:{name}"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name)
    return tokenizer


def _speller(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], str]:
    """What gives the whole word that a token spells; nothing for a piece of a word."""
    model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
    if isinstance(model, models.WordPiece):
        inside = model.continuing_subword_prefix
        return lambda token: "" if token.startswith(inside) else token
    if isinstance(model, models.WordLevel):
        return lambda token: token
    # Byte-level and sentence-piece vocabularies mark where a word begins; a few tokens of the others look marked.
    marked = {mark: sum(token.startswith(mark) for token in tokenizer.get_vocab()) for mark in (WORD_START, "▁")}
    mark = max(marked, key=marked.__getitem__)
    if mark == WORD_START:
        # A token that ends within a character has the sign for that, and is no word.
        return lambda token: token_bytes(token).decode(errors="replace") if token.startswith(mark) else ""
    return lambda token: token.removeprefix(mark) if token.startswith(mark) else ""


def _is_word(word: str) -> bool:
    if word.isalnum():
        return not (word.isdigit() and len(word) > 4)
    return len(word) == 1 and not word.isspace() and word != "\ufffd"


@torch.inference_mode()
def encoder_vectors(name: str, words: Sequence[str]) -> WordVectors:
    """What an encoder says of each word alone: the mean of its last states, of length 1 (Reimers & Gurevych 2019).

    Args:
        name: A Hub id or a folder, such as `sentence-transformers/all-MiniLM-L6-v2`.
        words: Each gets a vector; that of a word of which the tokenizer makes no token is zero.

    Returns:
        A matrix (words, units of the last states).

    Raises:
        OSError: there is no such encoder.
        ValueError: the model is no encoder, or a state is not a finite number.
    """
    tokenizer = _tokenizer_of(name)
    with without_load_report(), without_weight_bars():
        model = AutoModel.from_pretrained(name, dtype=torch.float32).eval()
    if tokenizer.pad_token is None or model.config.is_encoder_decoder or model.config.model_type == "siamese":
        raise ValueError(
            f"`embedding_vectors`='encoder:{name}' must be an encoder whose tokenizer has a padding token; it is a "
            f"{type(model).__name__} with the padding token {tokenizer.pad_token!r}."
        )
    words = list(dict.fromkeys(words))
    # Words of similar length are read together.
    order = sorted(range(len(words)), key=lambda index: len(words[index]))
    found: dict[int, np.ndarray] = {}
    with logging.tqdm(total=len(words), desc=f"Words through {name}", unit=" words") as bar:
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            found |= zip(chosen, _mean_states(model, tokenizer, [words[index] for index in chosen]), strict=True)
            bar.update(len(chosen))
    matrix = np.stack([found[index] for index in range(len(words))])
    if not np.isfinite(matrix).all():
        raise ValueError(f"`embedding_vectors`='encoder:{name}' gives states that are not finite numbers.")
    return WordVectors({word: row for row, word in enumerate(words)}, matrix)


def _mean_states(model: Any, tokenizer: PreTrainedTokenizerBase, words: list[str]) -> np.ndarray:
    limited = tokenizer.model_max_length < LARGE_INTEGER
    batch = tokenizer(words, padding=True, truncation=limited, return_tensors="pt")
    states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(2)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    vectors: np.ndarray = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors


def join_vectors(sources: Sequence[WordVectors], words: Sequence[str], size: int) -> WordVectors:
    """One vector of `size` numbers for each word out of those of several sources: each source has the same weight, and
    principal components make them short. A word that a source lacks has the mean of the source.

    Args:
        sources: At least one.
        words: Each is in at least one source.
        size: At most the dimensions of all sources together.

    Raises:
        ValueError: `size` is more than that, or than the number of words.
    """
    blocks = [_of_words(words, source) for source in sources]
    dimensions = sum(block.shape[1] for block in blocks)
    if not 1 <= size <= min(dimensions, len(words)):
        raise ValueError(
            f"`embedding_size`={size} must be from 1 to {min(dimensions, len(words))}: the vectors have {dimensions} "
            f"dimensions, and there are {len(words)} words."
        )
    return WordVectors({word: row for row, word in enumerate(words)}, principal_components(blocks, size))


def _of_words(words: Sequence[str], source: WordVectors) -> np.ndarray:
    known = [source.rows[word] for word in words if word in source.rows]
    mean = source.matrix[known].mean(0)
    return np.stack([source.matrix[source.rows[word]] if word in source.rows else mean for word in words])


def principal_components(blocks: Sequence[np.ndarray], size: int) -> np.ndarray:
    """The first components (words, size), float32, of blocks (words, dimensions) beside each other, of which none
    outweighs the others: each is centred, with rows of length 1 in the mean of squares. The numbers of all have the
    standard deviation `SCALE`.
    """
    both = np.concatenate([_scaled(block) for block in blocks], axis=1).astype(np.float64)
    # The axes from the covariance, whose size does not grow with the words.
    _, axes = np.linalg.eigh(both.T @ both)
    axes = axes[:, ::-1][:, :size]
    # The sign of an axis is free: its largest number is positive, so that roundings do not turn it.
    table = both @ (axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], axis=0)))
    found: np.ndarray = (table / table.std() * SCALE).astype(np.float32)
    return found


def _scaled(block: np.ndarray) -> np.ndarray:
    block = block - block.mean(0)
    scaled: np.ndarray = block / np.sqrt((block**2).sum(1).mean())
    return scaled
