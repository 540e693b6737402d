"""Kneser-Ney n-gram language models: what counting the training tokens is worth, before a network is trained on them.

The interpolated model with three discounts an order of Chen & Goodman (1999), "An Empirical Study of Smoothing
Techniques for Language Modeling", after Kneser & Ney (1995). Everything is an array over n-grams or over positions of
the text: a million tokens take seconds.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np


__all__ = ["FALLBACK_DISCOUNTS", "KneserNey"]


# Discounts of n-grams counted once, twice and more often where the counts of counts give none; those of KenLM's
# `--discount_fallback` (Heafield et al. 2013). A small vocabulary has no unigram that occurs once.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
# The largest vocabulary whose n-grams are numbered in 64 bits, whatever the length of the text.
LARGEST_VOCABULARY = 2**31
# The arrays of an order, as a file calls them.
_ARRAYS = ("keys", "shares", "backoffs")


@dataclass(frozen=True)
class _Order:
    """The n-grams of one length that the training tokens hold.

    Attributes:
        keys: (n-grams,) ascending, number of the first n-1 tokens among the n-grams of that length times `vocab_size`
            plus the last token; an n-gram's number is its place here.
        shares: (n-grams + 1,) the probability of the last token by its discounted count. The last is 0, at -1: what
            an n-gram that does not occur has.
        backoffs: (histories + 1,) the weight of the next shorter history. The last is 1, at -1: what a history that
            does not occur has; as one that only ends the text.
    """

    keys: np.ndarray
    shares: np.ndarray
    backoffs: np.ndarray

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Numbers of n-grams; -1 for those that do not occur."""
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)

    def is_whole(self, histories: int, vocab_size: int) -> bool:
        """Whether the arrays are what a text of `vocab_size` tokens with this many shorter n-grams can leave."""
        keys, weights = self.keys, np.concatenate([self.shares, self.backoffs])
        return bool(
            keys.ndim == 1
            and np.issubdtype(keys.dtype, np.integer)
            and len(keys) > 0
            and (np.diff(keys) > 0).all()
            and 0 <= keys[0]
            and keys[-1] < histories * vocab_size
            and (len(self.shares), len(self.backoffs)) == (len(keys) + 1, histories + 1)
            and ((weights >= 0) & (weights <= 1)).all()
            and (self.shares[-1], self.backoffs[-1]) == (0, 1)
        )


class KneserNey:
    """An interpolated Kneser-Ney model with three discounts ("modified") over token ids.

    An n-gram of the highest order is counted as often as it occurs, one of a lower order once for each different token
    that it follows; the beginning of the text is one of them. Unigrams are interpolated with the uniform distribution,
    so that every token of the vocabulary has a probability. The discounts of an order come from how many of its
    n-grams are counted once, twice, three and four times; where one of these numbers is 0, or a discount would not be
    positive, `FALLBACK_DISCOUNTS` are taken.

    Args:
        order: The longest n-grams, in tokens; 1 is a unigram model.
        vocab_size: Number of token ids, 0 to `vocab_size - 1`.

    Attributes:
        discounts: After `fit`, by order from unigrams on: those of n-grams counted once, twice, and more often.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, order: int, vocab_size: int) -> None:
        if order < 1:
            raise ValueError(f"`order`={order} must be at least 1.")
        if not 1 <= vocab_size <= LARGEST_VOCABULARY:
            raise ValueError(f"`vocab_size`={vocab_size} must be between 1 and {LARGEST_VOCABULARY}.")
        self.order = order
        self.vocab_size = vocab_size
        self.discounts: list[tuple[float, float, float]] = []
        self._orders: list[_Order] = []

    def fit(self, ids: Any) -> Self:
        """Count the n-grams of a text.

        Args:
            ids: (tokens,) whole numbers.

        Raises:
            ValueError: fewer tokens than `order`, or an id out of range.
        """
        ids = self._checked("ids", ids)
        if len(ids) < self.order:
            raise ValueError(f"`ids` has {len(ids)} tokens; a model of order {self.order} needs at least as many.")
        all_keys: list[np.ndarray] = []
        all_counts: list[np.ndarray] = []
        histories = 1
        shorter = np.zeros(len(ids) + 1, dtype=np.int64)  # by position: the number of the n-gram that begins there
        for length in range(1, self.order + 1):
            keys, first, numbers, counts = np.unique(
                shorter[:-1] * self.vocab_size + ids[length - 1 :],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            if length > 1:
                # An n-gram without its first token begins one position later.
                followed = np.bincount(shorter[1:][first], minlength=histories)
                followed[shorter[0]] += 1
                all_counts[-1] = followed
            all_keys.append(keys)
            all_counts.append(counts)
            shorter, histories = numbers, len(keys)
        self._weigh(all_keys, all_counts)
        return self

    def _weigh(self, all_keys: list[np.ndarray], all_counts: list[np.ndarray]) -> None:
        """Probabilities of the n-grams and weights of their histories, by order."""
        self.discounts, self._orders = [], []
        histories = 1
        for keys, counts in zip(all_keys, all_counts, strict=True):
            discounts = _discounts(counts)
            taken = np.array(discounts)[counts.clip(max=3) - 1]
            history = keys // self.vocab_size
            totals = np.bincount(history, counts, minlength=histories)
            backoffs = np.bincount(history, taken, minlength=histories) / np.maximum(totals, 1)
            backoffs[totals == 0] = 1.0
            self._orders.append(
                _Order(keys, np.append((counts - taken) / totals[history], 0.0), np.append(backoffs, 1.0))
            )
            self.discounts.append(discounts)
            histories = len(keys)

    def log_probabilities(self, ids: Any) -> np.ndarray:
        """Natural logarithms of the probability of each token given the tokens before it.

        Args:
            ids: (tokens,) one text; the first tokens have the shorter histories that there are, the first none.

        Returns:
            (tokens,)

        Raises:
            ValueError: an id is out of range.
            RuntimeError: the model is not fitted.
        """
        return np.log(self._probabilities(self._checked("ids", ids)))

    def distribution(self, history: Any) -> np.ndarray:
        """Probabilities of all tokens of the vocabulary after a history.

        Args:
            history: (tokens,) any number of them, of which the last `order - 1` count; none are the beginning of a
                text.

        Returns:
            (vocab_size,)

        Raises:
            As `log_probabilities`.
        """
        history = self._checked("history", history)
        history = history[max(len(history) - self.order + 1, 0) :]
        texts = np.empty((self.vocab_size, len(history) + 1), dtype=np.int64)
        texts[:, :-1] = history
        texts[:, -1] = np.arange(self.vocab_size)
        return self._probabilities(texts)[:, -1]

    def most_likely(self, history: Any, k: int | None = 5) -> tuple[np.ndarray, np.ndarray]:
        """The tokens that are most likely after a history, the likeliest first.

        Args:
            history: As in `distribution`.
            k: How many; None: all, whose probabilities sum to one.

        Returns:
            The tokens, and the probability of each, both (k,), or (vocab_size,) where there are fewer.

        Raises:
            ValueError: `k` is below 1, or an id is out of range.
            RuntimeError: the model is not fitted.
        """
        if k is not None and k < 1:
            raise ValueError(f"`k`={k} must be at least 1, or None for all tokens.")
        probabilities = self.distribution(history)
        tokens = np.argsort(-probabilities, kind="stable")[:k]
        return tokens, probabilities[tokens]

    def occurs(self, token: int) -> bool:
        """Whether the text that was counted has this token."""
        return bool(self._orders) and bool(self._orders[0].find(np.array([token]))[0] >= 0)

    def save(self, path: str | Path) -> Path:
        """Write the model to `path`, a `.npz` file of plain arrays, from which `load` reads it.

        Raises:
            RuntimeError: the model is not fitted.
            ValueError: `path` has another ending.
        """
        self._require_counts()
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(f"`path`={str(path)!r} must end in .npz.")
        arrays = {f"{name}_{n}": getattr(one, name) for n, one in enumerate(self._orders, 1) for name in _ARRAYS}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, vocab_size=np.int64(self.vocab_size), discounts=np.array(self.discounts), **arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote. Nothing in the file is run: arrays of objects are refused.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or no model of n-grams.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
            model = cls(len(found["discounts"]), int(found["vocab_size"]))
            model.discounts = [(float(a), float(b), float(c)) for a, b, c in found["discounts"]]
            parts = [[found[f"{name}_{length}"] for name in _ARRAYS] for length in range(1, model.order + 1)]
        except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{str(path)!r} is damaged, or holds no model of n-grams: {error}.") from error
        model._orders = [_Order(*arrays) for arrays in parts]
        histories = 1
        for order in model._orders:
            if not order.is_whole(histories, model.vocab_size):
                raise ValueError(f"{str(path)!r} is damaged: its n-grams do not fit each other.")
            histories = len(order.keys)
        return model

    @property
    def parameters(self) -> int:
        """The probabilities of n-grams and the weights of histories that the model holds."""
        # One of each stands for what does not occur.
        return sum(len(order.shares) + len(order.backoffs) - 2 for order in self._orders)

    @property
    def size_bytes(self) -> int:
        """Bytes of the model's arrays: 64-bit numbers of n-grams, probabilities and weights."""
        return sum(order.keys.nbytes + order.shares.nbytes + order.backoffs.nbytes for order in self._orders)

    def _probabilities(self, ids: np.ndarray) -> np.ndarray:
        """(..., time): of each token given those before it."""
        self._require_counts()
        probabilities = np.full(ids.shape, 1 / self.vocab_size)
        history = np.zeros(ids.shape, dtype=np.int64)
        for order in self._orders:
            # A history that does not occur, -1, makes a negative key, which does not occur either.
            ngrams = order.find(history * self.vocab_size + ids)
            probabilities = order.shares[ngrams] + order.backoffs[history] * probabilities
            history = np.full(ids.shape, -1)
            history[..., 1:] = ngrams[..., :-1]
        return probabilities

    def _require_counts(self) -> None:
        if not self._orders:
            raise RuntimeError("The model has no counts: call `fit` first.")

    def _checked(self, name: str, ids: Any) -> np.ndarray:
        array = np.asarray(ids)
        if array.ndim != 1:
            raise ValueError(f"`{name}` has shape {array.shape}; it must be (tokens,).")
        wrong = array[(array < 0) | (array >= self.vocab_size) | (array != np.floor(array))]
        if len(wrong):
            raise ValueError(
                f"`{name}` holds {wrong[0]}; with `vocab_size`={self.vocab_size} it must be a whole number in "
                f"[0, {self.vocab_size})."
            )
        return array.astype(np.int64)


def _discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """The discounts of n-grams counted once, twice, and three times or more (Chen & Goodman 1999, equation 26)."""
    once, twice, thrice, four_times = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if not (once and twice and thrice and four_times):
        return FALLBACK_DISCOUNTS
    absolute = once / (once + 2 * twice)
    found = (
        1 - 2 * absolute * twice / once,
        2 - 3 * absolute * thrice / twice,
        3 - 4 * absolute * four_times / thrice,
    )
    # Nothing would be left for what does not occur if there were no discount.
    return found if min(found) > 0 else FALLBACK_DISCOUNTS
