"""Naive Bayes features, against the ratio written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from hf_rnn.baselines.naive_bayes import LogCountRatio, logit_scale, naive_bayes_terms


def test_the_ratio_is_that_of_the_paper() -> None:
    features = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    found = LogCountRatio().fit(csr_matrix(features), ["bad", "good", "good"]).transform(csr_matrix(features))
    first, second = [2, 1, 2], [1, 3, 2]
    ratio = [math.log((q / 6) / (p / 5)) for p, q in zip(first, second, strict=True)]
    np.testing.assert_allclose(found.toarray(), features * ratio)


def test_terms_are_words_and_marks_of_opinion() -> None:
    terms = naive_bayes_terms(ngram_max=2, min_frequency=1)
    terms.fit(["Not good!", "I like it"], [0, 1])
    found = set(terms["terms"].vocabulary_)
    assert found == {"not", "good", "!", "not good", "good !", "i", "like", "it", "i like", "like it"}
    repeated = terms["terms"].transform(["good good good"]).toarray()
    assert repeated.max() == 1


def test_three_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="`labels` has 3 classes"):
        LogCountRatio().fit(csr_matrix(np.eye(3)), [0, 1, 2])


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_scaled_logits_are_probabilities(scale: float) -> None:
    margins = np.random.default_rng(0).normal(size=50_000)
    labels = np.random.default_rng(1).random(50_000) < 1 / (1 + np.exp(-scale * margins))
    assert logit_scale(margins, labels.astype(int)) == pytest.approx(scale, rel=0.1, abs=0.02)
