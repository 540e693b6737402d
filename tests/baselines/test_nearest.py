"""The training source that is most like another."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from hf_rnn.baselines import nearest
from hf_rnn.baselines.nearest import nearest_rows


TRAINING = ["a dog runs", "two cats sleep", "the dogs ran away", "a red bicycle", "two cats sleep"]


def test_the_nearest_has_the_largest_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "SOURCES_AT_ONCE", 2)
    sources = ["a dog ran", "cats sleeping", "bicycles", "zzz", "the dogs"]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    known = vectorizer.fit_transform(TRAINING).toarray()
    cosines = vectorizer.transform(sources).toarray() @ known.T
    assert nearest_rows(TRAINING, sources).tolist() == cosines.argmax(1).tolist()
    assert np.array_equal(nearest_rows(TRAINING, TRAINING[:4]), range(4))


def test_of_many_the_last_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MOST_SOURCES", 2)
    assert nearest_rows(TRAINING, ["a dog runs", "cats", "red"]).min() >= 3
