"""Tells the label of a pair by the overlap of its texts: boosting over a dozen figures of what they share, or,
where there are no pairs that are not alike to learn from, the cosine of their words weighed by TF-IDF.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer

from .predicted import Predicted, evenly


__all__ = ["OVERLAP_FEATURES", "class_odds", "overlap_features", "score_answers", "word_vectors"]


OVERLAP_FEATURES = (
    "words shared, of all of both",
    "words shared, of the first's",
    "words shared, of the second's",
    "pairs of words shared, of all of both",
    "pieces of three characters shared, of all of both",
    "cosine of words by TF-IDF",
    "cosine of pieces of words by TF-IDF",
    "difference of the numbers of words",
    "words of the shorter by those of the longer",
    "same first word",
    "same last word",
    "numbers in one of the two alone",
    "negations in one of the two alone",
)
WORD = re.compile(r"(?u)\w+(?:['’]\w+)?")
# Words that turn a sentence round, of the languages that corpora of pairs are in.
NEGATIONS = frozenset("no not never none nobody nothing neither nor without não nunca nada nenhum nem sem".split())
# Trees that are grown; few enough for a small corpus, and for seconds on a large one.
TREES: dict[str, Any] = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 15, "l2_regularization": 1.0}
# Characters of training pairs whose features are computed in half a minute.
MOST_CHARACTERS = 20_000_000
# The columns of dense vectors; every text of a split has one.
VECTOR_TERMS = 4096

Pairs = Mapping[str, Sequence[tuple[str, str]]]


def class_odds(pairs: Pairs, labels: Any, num_labels: int) -> Predicted:
    """Tell the class of each pair by boosted trees over [`overlap_features`].

    Args:
        pairs: Split → pairs of texts; `train`, and what is to be answered.
        labels: (rows,) ids of the training pairs.
        num_labels: The number of classes; some may lack examples.

    Returns:
        Answers (rows, num_labels): logarithms of probabilities.

    Raises:
        ValueError: all training pairs have the same label.
    """
    features, rows = _split_features(pairs)
    ids = np.asarray(labels, dtype=np.int64)[rows]
    if len(np.unique(ids)) < 2:
        raise ValueError(f"All training pairs have the label {ids[0]}; trees need two different ones.")
    model = HistGradientBoostingClassifier(random_state=0, early_stopping=False, **TREES).fit(features["train"], ids)

    def answers(split: str) -> np.ndarray:
        found = np.full((len(pairs[split]), num_labels), -50.0)
        found[:, model.classes_] = np.log(model.predict_proba(features[split]).clip(1e-15))
        return found

    return Predicted(_NAME, {split: answers(split) for split in pairs if split != "train"}, _said(rows, pairs))


def score_answers(pairs: Pairs, scores: Any) -> Predicted:
    """Tell the graded score of each pair by boosted trees over [`overlap_features`].

    Args:
        pairs: As in [`class_odds`].
        scores: (rows,) those of the training pairs.

    Returns:
        Answers (rows,).
    """
    features, rows = _split_features(pairs)
    model = HistGradientBoostingRegressor(random_state=0, early_stopping=False, **TREES)
    model.fit(features["train"], np.asarray(scores, dtype=np.float64)[rows])
    answers = {split: model.predict(features[split]) for split in pairs if split != "train"}
    return Predicted(_NAME, answers, _said(rows, pairs))


def word_vectors(pairs: Pairs) -> Predicted:
    """Make a vector of each text: its words by TF-IDF, of the 4,096 most frequent ones.

    Args:
        pairs: As in [`class_odds`].

    Returns:
        Answers: the vectors of the first texts and of the second ones, both (rows, terms), of length 1.

    Raises:
        ValueError: the training texts hold no word.
    """
    vectorizer = _vectorizer("word", max_features=VECTOR_TERMS).fit(_texts(pairs["train"]))

    def dense(texts: Sequence[str]) -> np.ndarray:
        return vectorizer.transform(texts).toarray()

    answers = {
        split: tuple(dense(side) for side in zip(*pairs[split], strict=True)) for split in pairs if split != "train"
    }
    return Predicted("cosine of TF-IDF", answers, {"terms": len(vectorizer.vocabulary_)})


def overlap_features(pairs: Sequence[tuple[str, str]], cosines: Sequence[np.ndarray]) -> np.ndarray:
    """Measure what two texts share, a column for each of `OVERLAP_FEATURES`.

    A share of nothing is 0, such as that of the words of two texts without one.

    Args:
        pairs: Texts; capitals do not count.
        cosines: The two columns of cosines, (rows,) each.

    Returns:
        (rows, features)
    """
    rows = [_features_of(first, second) for first, second in pairs]
    found = np.array(rows, dtype=np.float64).reshape(len(rows), len(OVERLAP_FEATURES) - len(cosines))
    before = OVERLAP_FEATURES.index("cosine of words by TF-IDF")
    return np.hstack([found[:, :before], np.stack(cosines, axis=1), found[:, before:]])


_NAME = "overlap of the two texts + boosted trees"


def _features_of(first: str, second: str) -> tuple[float, ...]:
    words = [WORD.findall(text.lower()) for text in (first, second)]
    sets = [set(each) for each in words]
    pairs = [set(zip(each, each[1:], strict=False)) for each in words]
    trigrams = [
        {text[start : start + 3] for start in range(len(text) - 2)} for text in (first.lower(), second.lower())
    ]
    shared = len(sets[0] & sets[1])
    lengths = sorted(map(len, words))
    both = all(words)
    return (
        _jaccard(sets),
        shared / max(1, len(sets[0])),
        shared / max(1, len(sets[1])),
        _jaccard(pairs),
        _jaccard(trigrams),
        lengths[1] - lengths[0],
        lengths[0] / max(1, lengths[1]),
        both and words[0][0] == words[1][0],
        both and words[0][-1] == words[1][-1],
        len({word for word in sets[0] ^ sets[1] if word.isdigit()}),
        sum(_negates(word) for word in words[0]) != sum(_negates(word) for word in words[1]),
    )


def _jaccard(sets: Sequence[set[Any]]) -> float:
    """|A ∩ B| / |A ∪ B|; 0 of two empty sets."""
    return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))


def _negates(word: str) -> bool:
    return word in NEGATIONS or word.endswith(("n't", "n’t"))


def _split_features(pairs: Pairs) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Split → features, and the numbers of the training pairs that seconds are enough for."""
    train = pairs["train"]
    cost = sum(len(first) + len(second) for first, second in train)
    rows = evenly(len(train), len(train) * MOST_CHARACTERS / max(1, cost))
    kept = {**pairs, "train": [train[row] for row in rows]}
    vectorizers = [_vectorizer("word"), _vectorizer("char_wb")]
    for vectorizer in vectorizers:
        vectorizer.fit(_texts(kept["train"]))
    return {
        split: overlap_features(each, [_cosines(vectorizer, each) for vectorizer in vectorizers])
        for split, each in kept.items()
    }, rows


def _vectorizer(analyzer: str, **options: Any) -> TfidfVectorizer:
    how: dict[str, Any] = {"ngram_range": (3, 4)} if analyzer == "char_wb" else {"token_pattern": r"(?u)\w+|[^\w\s]"}
    return TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, dtype=np.float32, **how, **options)


def _cosines(vectorizer: TfidfVectorizer, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    first, second = (vectorizer.transform(side) for side in zip(*pairs, strict=True))
    return np.asarray(first.multiply(second).sum(axis=1), dtype=np.float64).ravel()


def _texts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The different texts: one that is in many pairs counts once."""
    return list(dict.fromkeys(text for pair in pairs for text in pair))


def _said(rows: np.ndarray, pairs: Pairs) -> dict[str, Any]:
    return {} if len(rows) == len(pairs["train"]) else {"train_rows": len(rows)}
