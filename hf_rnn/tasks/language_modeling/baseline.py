"""Counts n-grams and measures them on the tokens of a language model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ...baselines.ngram import KneserNey
from ...data.batches.streams import TokenizedText, TokenStreams
from ...metrics.language import LanguageModelMetric
from ..beside import Baseline
from .sizes import CHARACTERS


__all__ = ["best_order", "fit_ngrams", "measure_ngrams"]


# The orders that are tried.
ORDERS, CHARACTER_ORDERS = (2, 3, 4, 5), (4, 6, 8)
USUAL_ORDER, USUAL_CHARACTER_ORDER = 3, 6
# Training tokens that are counted in seconds: those at the end, which stand the nearest to what follows.
MOST_TOKENS = 2_000_000


def fit_ngrams(texts: Mapping[str, TokenizedText], vocab_size: int, splits: Collection[str]) -> Baseline:
    """Count the training tokens, choose the order on validation where there is one, and measure on `splits`.

    Raises:
        ValueError: the training text is shorter than an n-gram.
    """
    ids = texts["train"].ids()
    counted = ids[-MOST_TOKENS:]
    of_characters = vocab_size <= CHARACTERS
    if "validation" in texts:
        tried = [order for order in (CHARACTER_ORDERS if of_characters else ORDERS) if order <= len(counted)]
        model, _ = best_order(counted, texts["validation"], vocab_size, tried or [1])
    else:
        order = USUAL_CHARACTER_ORDER if of_characters else USUAL_ORDER
        model = KneserNey(min(order, len(counted)), vocab_size).fit(counted)
    options: dict[str, Any] = {"order": model.order}
    if len(counted) < len(ids):
        options["train_rows"] = len(counted)
    return Baseline("Kneser-Ney n-grams", {split: measure_ngrams(model, texts[split]) for split in splits}, options)


def best_order(
    ids: Any, validation: TokenizedText, vocab_size: int, orders: Iterable[int]
) -> tuple[KneserNey, dict[int, dict[str, float]]]:
    """Fit a model of each order.

    Args:
        ids: (tokens,) to be counted.
        validation: The text that the best has the lowest loss on.

    Returns:
        The best model, and the figures on `validation` of each order.
    """
    best, figures = None, {}
    for order in orders:
        model = KneserNey(order, vocab_size).fit(ids)
        figures[order] = measure_ngrams(model, validation)
        if best is None or figures[order]["loss"] < figures[best.order]["loss"]:
            best = model
    if best is None:
        raise ValueError("`orders` must name at least one order; there is none.")
    return best, figures


def measure_ngrams(model: KneserNey, text: TokenizedText) -> dict[str, float]:
    """Figures on one text, of all tokens but the first, which is not predicted by a recurrent model either."""
    streams = TokenStreams(text)
    return LanguageModelMetric().compute(
        predictions=model.log_probabilities(text.ids())[1:], characters=streams.predicted_characters
    )
