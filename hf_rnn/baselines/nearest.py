"""Writes for a source the target of the training source that is most like it: what a model that writes must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


__all__ = ["MOST_SOURCES", "nearest_rows"]


# Training sources that are compared in seconds; of more, those at the end are.
MOST_SOURCES = 100_000
# Sources that are compared at once, each with all of training.
SOURCES_AT_ONCE = 256
# The longest pieces of words that are compared: those that differ in an ending are alike.
LONGEST_PIECE = 4


def nearest_rows(training: Sequence[str], sources: Sequence[str]) -> np.ndarray:
    """Find for each of `sources` the training source with the largest cosine of pieces of words, weighed by TF-IDF.

    Args:
        training: The sources that were learnt from; of more than 100,000 the last ones are compared.
        sources: Those that are asked.

    Returns:
        (sources,), the row of `training`; the first of those that are equally near.

    Raises:
        ValueError: the training sources hold no word.
    """
    first = max(0, len(training) - MOST_SOURCES)
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, LONGEST_PIECE), sublinear_tf=True, dtype=np.float32
    )
    known = vectorizer.fit_transform(training[first:])
    found = []
    for start in range(0, len(sources), SOURCES_AT_ONCE):
        cosines = vectorizer.transform(sources[start : start + SOURCES_AT_ONCE]) @ known.T
        found.append(np.asarray(cosines.argmax(axis=1)).ravel())
    return first + np.concatenate(found)
