"""Asks an n-gram model in words: the next word, how likely a sentence is, and which of two is the likelier."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .ngram import KneserNey


__all__ = ["COUNTS_FILE", "NgramTextModel"]


COUNTS_FILE = "ngrams.npz"


class NgramTextModel:
    """A [`KneserNey`] model and the tokenizer whose tokens it counts. What it calls a word is a token: a word for a
    tokenizer of words, a character for one of characters.

    Where the text that was counted has the tokenizer's `eos_token`, which ends its sentences or its lines, every text
    that is asked for begins after one.

    Args:
        counts: Fitted on tokens of `tokenizer`.
        tokenizer: Of this model.

    Example:
        >>> tokenizer = train_tokenizer(sentences, kind="word", end_of_text=True)  # doctest: +SKIP
        >>> model = NgramTextModel.of(sentences, tokenizer, order=3)  # doctest: +SKIP
        >>> model.next_words("the cat", k=2)  # doctest: +SKIP
        [('sat', 0.41), ('ran', 0.22)]

    Raises:
        ValueError: the two have vocabularies of different sizes.
    """

    def __init__(self, counts: KneserNey, tokenizer: PreTrainedTokenizerBase) -> None:
        if counts.vocab_size != len(tokenizer):
            raise ValueError(
                f"`counts` has `vocab_size`={counts.vocab_size}; with this `tokenizer` it must be {len(tokenizer)}."
            )
        self.counts = counts
        self.tokenizer = tokenizer
        end = tokenizer.eos_token_id
        self._end = end if isinstance(end, int) and counts.occurs(end) else None

    @classmethod
    def of(cls, sentences: Iterable[str], tokenizer: PreTrainedTokenizerBase, order: int = 3) -> Self:
        """Count the n-grams of `sentences`, each between two `eos_token`s where the tokenizer has one.

        Args:
            order: The longest n-grams, in tokens.

        Raises:
            ValueError: `order` is below 1, or the sentences are shorter together.
        """
        end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        ids = list(end)
        for sentence in sentences:
            ids += [*tokenizer(sentence, add_special_tokens=False)["input_ids"], *end]
        return cls(KneserNey(order, len(tokenizer)).fit(ids), tokenizer)

    def next_words(self, text: str, k: int | None = 5) -> list[tuple[str, float]]:
        """The words that are most likely after `text`, each with its probability, the likeliest first.

        Args:
            text: The beginning of a sentence; `""` asks for its first word.
            k: How many; None: all of the vocabulary, whose probabilities sum to one.

        Raises:
            ValueError: `k` is below 1.
        """
        tokens, probabilities = self.counts.most_likely(self._ids(text), k)
        spelt = [str(self.tokenizer.decode([token])) for token in tokens.tolist()]
        # A word is decoded with the space before it; of characters one may be a space.
        return [(word.strip() or word, value) for word, value in zip(spelt, probabilities.tolist(), strict=True)]

    def log_probability(self, sentence: str) -> float:
        """The natural logarithm of the probability of a whole sentence, its end included where the model knows one."""
        begin = 0 if self._end is None else 1
        ids = [*self._ids(sentence), *([] if self._end is None else [self._end])]
        return float(np.sum(self.counts.log_probabilities(ids)[begin:]))

    def likelier(self, first: str, second: str) -> tuple[str, float]:
        """The likelier of two sentences, `first` where they are equally likely, and how many times as likely it is as
        the other. A word more makes a sentence less likely: the two should be about as long.
        """
        difference = self.log_probability(first) - self.log_probability(second)
        return (second if difference < 0 else first), float(np.exp(abs(difference)))

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the counts and the tokenizer into `folder`."""
        self.tokenizer.save_pretrained(folder)
        return self.counts.save(Path(folder) / COUNTS_FILE)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save`, or `scripts/baseline_ngram.py`, wrote into `folder`.

        Raises:
            FileNotFoundError: the folder has no such model.
            ValueError: the model is damaged.
        """
        path = Path(folder) / COUNTS_FILE
        if not path.is_file():
            raise FileNotFoundError(f"{str(folder)!r} has no {COUNTS_FILE}, which scripts/baseline_ngram.py writes.")
        return cls(KneserNey.load(path), PreTrainedTokenizerFast.from_pretrained(folder))

    def _ids(self, text: str) -> list[int]:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*([] if self._end is None else [self._end]), *ids]
