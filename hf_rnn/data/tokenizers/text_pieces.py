"""Train the tokenizer of `word_pieces.py` on whole texts: for a model whose steps are words, and that knows how each
is spelt.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tokenizers import Regex, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from .training import checked_batches, normalizer_of
from .word_pieces import split_words, token_bytes, train_word_pieces


__all__ = ["MAX_PIECE_BYTES", "NUM_PIECES", "train_text_pieces", "words_of"]


# Words are made of at most so many different pieces. A model of words never sees where the pieces are cut.
NUM_PIECES = 4000
# A longer piece, such as a web address that comes again and again, would widen the table of all spellings.
MAX_PIECE_BYTES = 32
UNICODE_NORMALIZATION = "NFC"
# A longer word, such as a picture in base64, is cut: each word of a batch takes as much room as the longest.
MAX_WORD_CHARACTERS = 40
# The pieces are learnt from so many texts, the first, which tell as much as more would.
MOST_TEXTS = 100_000


def train_text_pieces(
    texts: Iterable[str], *, lowercase: bool = True, strip_html: bool = False, show_progress: bool = True
) -> PreTrainedTokenizerFast:
    """Train a tokenizer that finds the words of texts and cuts them into pieces, see [`train_word_pieces`].

    Args:
        texts: The corpus, read once. Of more than 100,000 the first are learnt from, and the others are checked.
        lowercase: Lower-case the text.
        strip_html: Replace tags such as ``<br />`` and comments by a space, inside the tokenizer itself.
        show_progress: Show a progress bar while training.

    Raises:
        TypeError: `texts` is a string, or an item of it is not one.
        ValueError: no text has a visible character, or one has a lone surrogate.
    """
    normalizer = normalizer_of(UNICODE_NORMALIZATION, strip_html, lowercase)

    def sentences() -> Iterator[list[str]]:
        left = MOST_TEXTS
        for batch in checked_batches(texts):
            for text in map(normalizer.normalize_str, batch[:left]):
                # One string for all occurrences of a word.
                yield [sys.intern(word) for ends in split_words(text) for word in _cut(text[slice(*ends)])]
            left = max(0, left - len(batch))

    tokenizer = train_word_pieces(
        sentences(), vocab_size=NUM_PIECES, max_piece_bytes=MAX_PIECE_BYTES, show_progress=show_progress
    )
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizer
    words, in_bytes = backend.pre_tokenizer[0], backend.pre_tokenizer[1]
    long_ones = pre_tokenizers.Split(Regex(rf"[\s\S]{{{MAX_WORD_CHARACTERS}}}"), behavior="isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([words, long_ones, in_bytes])
    return tokenizer


def _cut(word: str) -> list[str]:
    return [word[start : start + MAX_WORD_CHARACTERS] for start in range(0, len(word), MAX_WORD_CHARACTERS)]


def words_of(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text as a tokenizer of word pieces finds them, before it cuts them."""
    backend = tokenizer.backend_tokenizer

    @lru_cache(maxsize=100_000)
    def spelt(marked: str) -> str:
        return token_bytes(marked).decode()

    for text in texts:
        normalized = text if backend.normalizer is None else backend.normalizer.normalize_str(text)
        yield [spelt(marked) for marked, _ in backend.pre_tokenizer.pre_tokenize_str(normalized)]
