"""The words of a new encoder and their first vectors.

A word's vector is what the teacher says of the word alone (Tulkens & van Dongen 2024, model2vec), beside pretrained
vectors where they are named; principal component analysis makes one short vector of both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from transformers.utils import logging

from ...data.encoder_vectors import join_vectors
from ...data.vectors import WordVectors
from .teaching import Teacher


__all__ = ["choose_vocabulary", "first_vectors"]


# Words with a letter, one punctuation mark, and numbers of up to four digits, among them years.
_USABLE = re.compile(r"\S*[^\W\d_]\S*|[^\w\s]|\d{1,4}")
BATCH_SIZE = 256


def choose_vocabulary(words: Iterable[str], size: int, vectors: WordVectors | None = None) -> list[str]:
    """The words that get a vector, in lower case: the most frequent of the sentences and the first of `vectors`, which
    published files sort by frequency, turn about.
    """
    counts = Counter(word.lower() for word in words)
    ranks = [[word for word, count in counts.most_common() if count > 1], list(vectors.rows if vectors else ())]
    best: dict[str, int] = {}
    for ranked in ranks:
        for rank, word in enumerate(word for word in ranked if _USABLE.fullmatch(word)):
            best[word] = min(rank, best.get(word, rank))
    return sorted(best, key=best.__getitem__)[:size]


def first_vectors(words: Sequence[str], size: int, teacher: Teacher, vectors: WordVectors | None = None) -> np.ndarray:
    """The vectors (words, size), float32."""
    batches = [words[start : start + BATCH_SIZE] for start in range(0, len(words), BATCH_SIZE)]
    read = [teacher.read(batch)[0] for batch in logging.tqdm(batches, desc="Words")]
    of_teacher = WordVectors({word: row for row, word in enumerate(words)}, np.concatenate(read))
    return join_vectors([of_teacher, *([] if vectors is None else [vectors])], words, size).matrix
