"""Measures what the probabilities of a language model are worth: loss, perplexity and bits per character.

They are of a whole text: natural logarithms are summed over all its tokens and divided once, so that it does not
matter in which pieces it was read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from .base import InMemoryMetric


__all__ = ["LanguageModelMetric", "bits_per_character", "language_metrics", "perplexity"]


PERPLEXITY_CITATION = """\
@article{jelinek1977perplexity,
  title={Perplexity -- a Measure of the Difficulty of Speech Recognition Tasks},
  author={Jelinek, Fred and Mercer, Robert L. and Bahl, Lalit R. and Baker, James K.},
  journal={The Journal of the Acoustical Society of America},
  volume={62},
  number={S1},
  pages={S63},
  year={1977}
}"""


def perplexity(mean_loss: float) -> float:
    """Compute exp(loss): infinite where that is too large for a number (Jelinek et al. 1977).

    Args:
        mean_loss: The mean negative log-likelihood of the tokens, in nats.

    Example:
        >>> round(perplexity(0.6931471805599453), 6)
        2.0
    """
    try:
        return math.exp(mean_loss)
    except OverflowError:
        return math.inf


def bits_per_character(total_nats: float, characters: float) -> float:
    """Compute the negative log-likelihood of a text in bits, by its characters, nats / (characters · log 2): unlike
    perplexity (Jelinek et al. 1977), it can be compared between tokenizers that lose nothing of the text.

    Args:
        total_nats: Sum over the tokens of the text, natural logarithms.
        characters: How many the tokens are of in the text itself, where white space counts. Where only the mean of
            the text is known, as where the first token is not predicted, not a whole number.

    Example:
        >>> round(bits_per_character(total_nats=6.931471805599453, characters=5), 6)
        2.0

    Raises:
        ValueError: `characters` is not positive.
    """
    if not characters > 0:
        raise ValueError(f"`characters`={characters} must be more than 0.")
    return total_nats / (characters * math.log(2))


def language_metrics(total_nats: float, tokens: int, characters: float) -> dict[str, float]:
    """Compute `loss` (nats for a token), `perplexity` (Jelinek et al. 1977) and `bits_per_character` of a text.

    Args:
        total_nats: Sum of the negative natural logarithms of the probability of each token that was predicted.
        tokens: How many were.
        characters: As in [`bits_per_character`].

    Example:
        >>> language_metrics(total_nats=10.0, tokens=5, characters=20)["loss"]
        2.0

    Raises:
        ValueError: `tokens` or `characters` is not positive.
    """
    if tokens < 1:
        raise ValueError(f"`tokens`={tokens} must be at least 1.")
    loss = total_nats / tokens
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "bits_per_character": bits_per_character(total_nats, characters),
    }


class LanguageModelMetric(InMemoryMetric):
    """Loss, perplexity and bits per character from the probabilities that a model gave to the tokens of a text.

    `compute(predictions, characters)` takes the natural logarithm of the probability of each token `(tokens,)` and the
    number of characters of the text; there are no `references`. It returns what [`language_metrics`] does. A token
    that was held to be impossible makes all three infinite. Perplexity is that of Jelinek et al. 1977.

    Example:
        >>> LanguageModelMetric().compute(predictions=[-1.0, -3.0], characters=8)["loss"]
        2.0
    """

    libraries = ()
    citation = PERPLEXITY_CITATION

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation=self.citation,
            inputs_description="",
            features=datasets.Features({"predictions": datasets.Value("float64")}),
        )

    def _compute(self, predictions: Sequence[float], characters: float) -> dict[str, float]:
        log_probabilities = np.asarray(predictions, dtype=np.float64)
        # Written so that NaN is refused as well.
        wrong = log_probabilities[~(log_probabilities <= 0)]
        if len(wrong):
            raise ValueError(f"`predictions` must be logarithms of probabilities, 0 at most; they hold {wrong[0]}")
        return language_metrics(-float(log_probabilities.sum()), len(log_probabilities), characters)
