"""Logistic regression over words and n-grams of words, weighed by TF-IDF or by naive Bayes (`naive_bayes.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from .naive_bayes import logit_scale, naive_bayes_terms


__all__ = ["STRENGTHS", "classifier", "describe", "fit_best", "terms"]


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
    fitted = [classifier(weighting, strength).fit(features, train[1]) for strength in STRENGTHS[weighting]]
    best = max(fitted, key=lambda each: each.score(held_out, validation[1]))
    two = len(best.classes_) == 2
    scale = logit_scale(best.decision_function(held_out), validation[1]) if two else None
    return Pipeline([*untrained.steps, ("classifier", best)]), scale


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
