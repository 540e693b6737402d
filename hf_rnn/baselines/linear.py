"""Logistic regression over words and n-grams of words, weighed by TF-IDF or by naive Bayes (`naive_bayes.py`)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from .naive_bayes import logit_scale, naive_bayes_terms


__all__ = ["STRENGTHS", "classifier", "describe", "fit_best", "fit_to_the_end", "terms"]


logger = logging.getLogger(__name__)

MOST_ITERATIONS = 100_000
# Inverse strengths of regularisation that are tried, two to a decade.
STRENGTHS = {"tfidf": (1.0, 3.0, 10.0, 30.0), "naive_bayes": (0.03, 0.1, 0.3, 1.0)}


def terms(weighting: str, ngram_max: int, min_frequency: int) -> Pipeline:
    """An unfitted pipeline from texts to features.

    Args:
        weighting: `"tfidf"` or `"naive_bayes"`.
        ngram_max: The most words of a term.
        min_frequency: Texts that a term must occur in.
    """
    if weighting == "naive_bayes":
        return naive_bayes_terms(ngram_max, min_frequency)
    vectorizer = TfidfVectorizer(ngram_range=(1, ngram_max), min_df=min_frequency, sublinear_tf=True, dtype=np.float32)
    return Pipeline([("terms", vectorizer)])


def classifier(weighting: str, strength: float) -> LogisticRegression:
    """The classifier; that of two classes with many more terms than texts is solved in its dual form."""
    dual = {"solver": "liblinear", "dual": True, "random_state": 0} if weighting == "naive_bayes" else {}
    return LogisticRegression(C=strength, max_iter=1000, **dual)


def fit_best(
    untrained: Pipeline,
    weighting: str,
    train: tuple[Sequence[str], Sequence[int]],
    validation: tuple[Sequence[str], Sequence[int]],
) -> tuple[Pipeline, float | None]:
    """Fit on texts and labels, and choose the strength of regularisation by the accuracy on others.

    Args:
        untrained: What [`terms`] gives.
        train, validation: Texts, and their labels.

    Returns:
        The fitted pipeline, and for two classes the number that its logits are to be multiplied by to fit
        `validation`.
    """
    # The features do not depend on the strength: they are made once.
    features, held_out = untrained.fit_transform(*train), untrained.transform(validation[0])
    fitted = [fit_to_the_end(classifier(weighting, strength), features, train[1]) for strength in STRENGTHS[weighting]]
    best = max(fitted, key=lambda each: each.score(held_out, validation[1]))
    two = len(best.classes_) == 2
    scale = logit_scale(best.decision_function(held_out), validation[1]) if two else None
    return Pipeline([*untrained.steps, ("classifier", best)]), scale


def fit_to_the_end(untrained: LogisticRegression, features: Any, labels: Sequence[int]) -> LogisticRegression:
    """Fit until the solver says that it has converged, with more iterations each time that it stops before.

    A solver that is stopped on the way gives coefficients that depend on the rounding of the machine's BLAS, and so a
    figure that another machine does not give. A warning says so where `MOST_ITERATIONS` are too few.
    """
    while True:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fitted = untrained.fit(features, labels)
        stopped = [each for each in said if issubclass(each.category, ConvergenceWarning)]
        for each in said:
            if each not in stopped:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        if not stopped:
            return fitted
        if untrained.max_iter >= MOST_ITERATIONS:
            logger.warning(
                "The logistic regression with C=%g has not converged after %s iterations: another machine may give "
                "another figure.",
                untrained.C,
                f"{untrained.max_iter:,}",
            )
            return fitted
        untrained.set_params(max_iter=min(10 * untrained.max_iter, MOST_ITERATIONS))


def describe(pipeline: Pipeline) -> dict[str, Any]:
    """The `model` section of results.json of a fitted pipeline; coefficients and frequencies count as float32."""
    vectorizer, fitted = pipeline["terms"], pipeline["classifier"]
    weights = fitted.coef_.size + fitted.intercept_.size
    # Ratios are multiplied into the coefficients; frequencies are normalised after they were.
    frequencies = getattr(vectorizer, "idf_", np.empty(0)).size
    vocabulary = sum(len(term.encode()) + 1 for term in vectorizer.vocabulary_)
    return {
        "class": "Pipeline",
        "model_type": None,
        "base_model": None,
        "parameters": weights,
        "size_bytes": vocabulary + 4 * (weights + frequencies),
        "config": {"C": fitted.C, "terms": len(vectorizer.vocabulary_)},
    }
