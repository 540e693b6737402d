"""Bags of n-grams weighed by naive Bayes, and the linear classifier over them (Wang & Manning 2012,
https://aclanthology.org/P12-2018; of logistic regression in Mesnil et al. 2015, https://arxiv.org/abs/1412.5335).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline


__all__ = ["LogCountRatio", "logit_scale", "naive_bayes_terms"]


# Punctuation that an opinion is told by is a term, too.
TERMS = r"(?u)\w+|[!?]"


class LogCountRatio(TransformerMixin, BaseEstimator):
    """Scales each feature by r = log((p / ‖p‖₁) / (q / ‖q‖₁)), where p = 1 + its occurrences in texts of the second
    class and q = 1 + those in texts of the first (section 2 of the paper, α = 1).
    """

    def fit(self, features: Any, labels: Any) -> LogCountRatio:
        """Args:
            features: Sparse, (texts, terms), not negative.
            labels: (texts), of two classes.

        Raises:
            ValueError: there are not two classes.
        """
        classes = np.unique(labels)
        if len(classes) != 2:
            raise ValueError(f"`labels` has {len(classes)} classes; the ratio is of two.")
        first, second = (1.0 + np.asarray(features[np.asarray(labels) == each].sum(0)).ravel() for each in classes)
        self.ratio_ = np.log(second / second.sum()) - np.log(first / first.sum())
        return self

    def transform(self, features: Any) -> Any:
        """(texts, terms), scaled."""
        return features.multiply(self.ratio_).tocsr()


def naive_bayes_terms(ngram_max: int, min_frequency: int) -> Pipeline:
    """An unfitted pipeline from texts of two classes to weighed n-grams: whether they occur, times their ratio.

    Args:
        ngram_max: The most words of a term.
        min_frequency: Texts that a term must occur in.
    """
    terms = CountVectorizer(
        ngram_range=(1, ngram_max), min_df=min_frequency, binary=True, token_pattern=TERMS, dtype=np.float32
    )
    return Pipeline([("terms", terms), ("ratio", LogCountRatio())])


def logit_scale(margins: Sequence[float], labels: Sequence[int]) -> float:
    """The number that `margins`, logits of the second class of two, are to be multiplied by to be least surprised by
    `labels` (temperature scaling, Guo et al. 2017, https://arxiv.org/abs/1706.04599).
    """
    from scipy.optimize import minimize_scalar

    signed = np.where(np.asarray(labels) == 1, 1.0, -1.0) * np.asarray(margins)
    found = minimize_scalar(
        lambda log: np.logaddexp(0, -np.exp(log) * signed).mean(), bounds=(-5, 5), method="bounded"
    )
    return float(np.exp(found.x))
