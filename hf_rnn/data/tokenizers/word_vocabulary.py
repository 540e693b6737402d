"""The words that a model has a vector for, and how a tokenizer's pieces spell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerBase

from ..vectors import WordVectors
from .word_pieces import token_bytes, word_start


__all__ = ["choose_words", "marks_words", "spell_tokens"]

# A word in no vocabulary but one of bytes; twice, because some tokenizers treat the first word of a text differently.
PROBE = ["xჯ", "xჯ"]


def choose_words(
    sentences: Iterable[Sequence[str]], size: int, *, vectors: WordVectors | None = None, min_frequency: int = 2
) -> list[str]:
    """The words, in lower case, that get a vector of their own.

    With `vectors`: those of the training sentences that have one, the most frequent first, then the others of
    `vectors` in their order, which in published files is that of frequency in far more text: words a test sentence may
    hold although no training sentence does. Without: those of the training sentences.

    Args:
        sentences: The words of each training sentence.
        size: The most words.
        vectors: Pretrained ones.
        min_frequency: Without `vectors`, the fewest occurrences of a word.

    Raises:
        ValueError: `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"`size`={size} must be at least 1.")
    counts = Counter(word.lower() for sentence in sentences for word in sentence)
    if vectors is None:
        return [word for word, count in counts.most_common(size) if count >= min_frequency]
    known = [word for word, _ in counts.most_common() if word in vectors.rows]
    # Only what is in lower case already: the lower-cased twin of "Bush" would have the vector of another word.
    others = (word for word in vectors.rows if word not in counts and word == word.lower())
    words = known[:size]
    words += [word for word, _ in zip(others, range(size - len(words)), strict=False)]
    return words


def marks_words(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether words can be rebuilt from its tokens, as from those of `train_word_pieces`: they are byte-level ones
    that mark where a word begins, both in a text and in words that are given one by one.
    """
    try:
        spelt, starts = spell_tokens(tokenizer)
    except ValueError:
        return False
    for text, is_split in ((" ".join(PROBE), False), (PROBE, True)):
        words: list[bytes] = []
        for token in tokenizer(text, is_split_into_words=is_split, add_special_tokens=False)["input_ids"]:
            if starts[token] or not words:
                words.append(b"")
            words[-1] += spelt[token]
        if words != [word.encode() for word in PROBE]:
            return False
    return True


def spell_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[bytes], list[bool]]:
    """The bytes of every token, in the order of the ids, and whether it begins a word. A special token has no bytes
    and is a word of its own.

    Raises:
        ValueError: a token is not of byte-level byte-pair encoding.
    """
    special = set(tokenizer.all_special_tokens)
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    spelt = [b"" if token in special else token_bytes(token) for token in tokens]
    return spelt, [token in special or word_start(token) for token in tokens]
