"""Static vectors for words of any vocabulary: what a pretrained encoder says of each word alone, made short.

A word is read alone, the mean of the last states is its vector, and principal component analysis makes it short
(Tulkens & van Dongen 2024, model2vec, https://github.com/MinishLab/model2vec). Vectors of several sources are joined
before that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from ..checksums import check_source
from ..progress import without_weight_bars
from .vectors import WordVectors


__all__ = ["encoder_vectors", "encoder_words", "join_vectors", "principal_components"]


BATCH_SIZE = 256
# What a token that begins a word begins with, in a vocabulary that marks it.
STARTS = ("Ġ", "▁")
# The standard deviation of the numbers of vectors that are made short; that of GloVe's is about as large.
SCALE = 0.3


def encoder_words(name: str) -> list[str]:
    """The whole words, in lower case, that an encoder's own vocabulary holds, in its order, which is often that of
    frequency.

    Args:
        name: A Hub id or a folder.
    """
    tokenizer = AutoTokenizer.from_pretrained(name)
    special = set(tokenizer.all_special_tokens)
    vocabulary = tokenizer.get_vocab()
    # Byte-level and sentence-piece vocabularies mark where a word begins.
    marked = any(token.startswith(STARTS) for token in vocabulary)
    found: dict[str, None] = {}
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        if token in special or token.startswith("##"):
            continue
        starts = token.startswith(STARTS)
        word = (token[1:] if starts else token).lower()
        if word and starts == marked and _is_word(word):
            found.setdefault(word)
    return list(found)


def _is_word(word: str) -> bool:
    return len(word) == 1 and not word.isalnum() or word.isalnum() and not (word.isdigit() and len(word) > 4)


@torch.inference_mode()
def encoder_vectors(name: str, words: Sequence[str], *, show_progress: bool = True) -> WordVectors:
    """What an encoder says of each word alone: the mean of its last states, of length 1 (Reimers & Gurevych 2019).

    Args:
        name: A Hub id or a folder, such as `sentence-transformers/all-MiniLM-L6-v2`.
        words: Each gets a vector.
        show_progress: Whether a bar is shown, on standard error.

    Returns:
        A matrix (words, units of the encoder).

    Raises:
        ValueError: a state is not a finite number.
    """
    check_source(name)
    tokenizer = AutoTokenizer.from_pretrained(name)
    with without_weight_bars():
        model = AutoModel.from_pretrained(name, dtype=torch.float32).eval()
    words = list(dict.fromkeys(words))
    # Words of similar length are read together.
    order = sorted(range(len(words)), key=lambda index: len(words[index]))
    matrix = np.zeros((len(words), model.config.hidden_size), dtype=np.float32)
    with logging.tqdm(total=len(words), desc=f"Words through {name}", unit=" words", disable=not show_progress) as bar:
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            batch = tokenizer([words[index] for index in chosen], padding=True, return_tensors="pt", truncation=True)
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(2)
            mean = (states * mask).sum(1) / mask.sum(1)
            matrix[chosen] = torch.nn.functional.normalize(mean, dim=1).numpy()
            bar.update(len(chosen))
    if not np.isfinite(matrix).all():
        raise ValueError(f"`embedding_vectors`='encoder:{name}' gives states that are not finite numbers.")
    return WordVectors({word: row for row, word in enumerate(words)}, matrix)


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
    table = both @ axes[:, ::-1][:, :size]
    found: np.ndarray = (table / table.std() * SCALE).astype(np.float32)
    return found


def _scaled(block: np.ndarray) -> np.ndarray:
    block = block - block.mean(0)
    scaled: np.ndarray = block / np.sqrt((block**2).sum(1).mean())
    return scaled
