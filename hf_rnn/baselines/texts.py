"""Tells the label of a text by its words: logistic or ridge regression over TF-IDF of words and characters.

It takes seconds, so that it can be fitted at the end of every training. `linear.py` has the baseline of published
figures, which takes its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from .linear import STRENGTHS
from .predicted import Predicted, evenly


__all__ = ["best_shift", "class_scores", "label_scores", "number_scores"]


# Punctuation tells questions from answers, and joy from anger.
TERMS = r"(?u)\w+|[^\w\s]"
# Fewer validation texts than these choose by chance: what is usual then holds.
FEWEST_TO_CHOOSE = 100
USUAL_STRENGTH = 10.0
ALPHAS = (0.3, 1.0, 3.0, 10.0)
USUAL_ALPHA = 1.0
# Characters of the training texts, times the linear models to be fitted: what half a minute is enough for.
MOST_OF_WORDS, MOST_OF_CHARACTERS = 40_000_000, 25_000_000

Texts = Mapping[str, Sequence[str]]


def class_scores(texts: Texts, labels: Mapping[str, Any], num_labels: int) -> Predicted:
    """Tell one class of each text.

    One logistic regression for each class, and one for two classes, over words and pairs of words weighed by TF-IDF.
    The strength of regularisation is the most accurate on validation; so is the choice between words alone and words
    with the pieces of two to five characters in them. Fewer than 100 validation texts choose neither.

    Args:
        texts: Split → texts; `train`, and what is to be answered.
        labels: Split → ids (rows,), of `train` and `validation`.
        num_labels: The number of classes; some may lack examples.

    Returns:
        Answers (rows, num_labels): the highest is of the class.

    Raises:
        ValueError: the training texts hold no word.
    """
    targets = np.eye(num_labels)[np.asarray(labels["train"], dtype=np.int64)]
    if num_labels == 2:
        targets = targets[:, 1:]

    def answers(scores: np.ndarray) -> np.ndarray:
        return np.hstack([-scores, scores]) if num_labels == 2 else scores

    def accuracy(scores: np.ndarray) -> float:
        return float((answers(scores).argmax(1) == np.asarray(labels["validation"])).mean())

    name, scores, options = _logistic(texts, targets, accuracy)
    return Predicted(name, {split: answers(values) for split, values in scores.items()}, options)


def label_scores(texts: Texts, labels: Mapping[str, Any]) -> Predicted:
    """Tell any number of labels of each text: one logistic regression for each, as [`class_scores`], and one threshold
    for all, with the highest micro F1 on validation.

    Args:
        labels: Split → 0 and 1 (rows, labels), of `train` and `validation`.

    Returns:
        Answers (rows, labels): a label is said from 0 on.

    Raises:
        ValueError: the training texts hold no word.
    """
    truth = None if "validation" not in texts else np.asarray(labels["validation"]) >= 0.5

    def f1_micro(scores: np.ndarray) -> float:
        assert truth is not None
        return best_shift(scores, truth)[1]

    name, scores, options = _logistic(texts, np.asarray(labels["train"]), f1_micro)
    if truth is None:
        return Predicted(name, scores, options)
    threshold, _ = best_shift(scores["validation"], truth)
    shifted = {split: values - threshold for split, values in scores.items()}
    return Predicted(name, shifted, options | {"threshold": round(float(1 / (1 + np.exp(-threshold))), 4)})


def number_scores(texts: Texts, labels: Mapping[str, Any]) -> Predicted:
    """Tell the number of each text, or several, by ridge regression over words, pairs of words and pieces of words,
    weighed by TF-IDF; its strength has the highest Pearson correlation on validation, of several numbers on average.

    Args:
        labels: Split → numbers (rows,) or (rows, numbers), of `train` and `validation`.

    Returns:
        Answers (rows, numbers).

    Raises:
        ValueError: the training texts hold no word.
    """
    rows = _affordable(texts["train"], 1, MOST_OF_CHARACTERS)
    features = _features({**texts, "train": [texts["train"][row] for row in rows]}, characters=True)
    numbers = np.asarray(labels["train"], dtype=np.float64)[rows]

    def fitted(alpha: float) -> dict[str, np.ndarray]:
        model = Ridge(alpha=alpha).fit(features["train"], numbers)
        others = (split for split in texts if split != "train")
        return {split: model.predict(features[split]).reshape(features[split].shape[0], -1) for split in others}

    def pearson(scores: np.ndarray) -> float:
        truth = np.asarray(labels["validation"], dtype=np.float64).reshape(scores.shape)
        columns = zip(scores.T, truth.T, strict=True)
        return float(np.mean([np.corrcoef(*each)[0, 1] if np.ptp(each, axis=1).all() else 0.0 for each in columns]))

    alphas = ALPHAS if _may_choose(texts) else (USUAL_ALPHA,)
    best, scores = _best(alphas, fitted, pearson)
    return Predicted("TF-IDF + ridge", scores, {"alpha": best} | _said(rows, texts))


def best_shift(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Find the threshold of all labels with the highest micro F1, 2·hits / (said + true), and that F1.

    Args:
        scores, truth: (rows, labels). A label is said from the threshold on.

    Example:
        >>> best_shift(np.array([[3.0, -1.0], [1.0, -2.0]]), np.array([[True, False], [True, False]]))
        (0.0, 1.0)
    """
    order = np.argsort(-scores, axis=None, kind="stable")
    sorted_scores, sorted_truth = scores.ravel()[order], truth.ravel()[order]
    # One candidate after each distinct score: everything up to it is said.
    last = np.flatnonzero(np.append(sorted_scores[1:] != sorted_scores[:-1], True))
    f1 = 2 * sorted_truth.cumsum()[last] / (last + 1 + max(1, sorted_truth.sum()))
    chosen = int(f1.argmax())
    lowest = float(sorted_scores[last[chosen]])
    following = float(sorted_scores[last[chosen] + 1]) if chosen + 1 < len(last) else lowest
    return (lowest + following) / 2, float(f1[chosen])


def _logistic(
    texts: Texts, targets: np.ndarray, judge: Callable[[np.ndarray], float]
) -> tuple[str, dict[str, np.ndarray], dict[str, Any]]:
    """Name, scores of each split but `train` (rows, columns of `targets`), and options of the best by `judge`, which
    is given the scores on validation.
    """
    rows = _affordable(texts["train"], targets.shape[1], MOST_OF_WORDS)
    kept = {**texts, "train": [texts["train"][row] for row in rows]}
    chosen = targets[rows]
    judged = _may_choose(texts)

    def by(features: Mapping[str, Any]) -> Callable[[float], dict[str, np.ndarray]]:
        return lambda strength: _fitted(features, chosen, strength)

    strengths = STRENGTHS["tfidf"] if judged else (USUAL_STRENGTH,)
    best, scores = _best(strengths, by(_features(kept, characters=False)), judge)
    name = "TF-IDF + logistic regression"
    if judged and len(_affordable(kept["train"], targets.shape[1], MOST_OF_CHARACTERS)) == len(rows):
        # The strength that suits words suits words and characters, too.
        _, others = _best((best,), by(_features(kept, characters=True)), judge)
        if judge(others["validation"]) > judge(scores["validation"]):
            name, scores = "TF-IDF of words and characters + logistic regression", others
    return name, scores, {"C": best} | _said(rows, texts)


def _best(
    values: Sequence[float], fitted: Callable[[float], dict[str, np.ndarray]], judge: Callable[[np.ndarray], float]
) -> tuple[float, dict[str, np.ndarray]]:
    """The value whose scores are the best on validation, and these; a single one is not judged."""
    found: Iterator[tuple[float, dict[str, np.ndarray]]] = ((value, fitted(value)) for value in values)
    return next(found) if len(values) == 1 else max(found, key=lambda each: judge(each[1]["validation"]))


def _fitted(features: Mapping[str, Any], targets: np.ndarray, strength: float) -> dict[str, np.ndarray]:
    """The logits of each column of `targets` on every split but `train`; a constant column is told for certain."""
    others = [split for split in features if split != "train"]
    scores: dict[str, list[np.ndarray]] = {split: [] for split in others}
    for column in targets.T >= 0.5:
        if column.all() or not column.any():
            for split in others:
                scores[split].append(np.full(features[split].shape[0], 30.0 if column.all() else -30.0))
            continue
        # The dual form is the quick one where there are more terms than texts.
        model = LogisticRegression(C=strength, solver="liblinear", dual=True, tol=1e-2, max_iter=1000, random_state=0)
        model.fit(features["train"], column)
        for split in others:
            scores[split].append(model.decision_function(features[split]))
    return {split: np.stack(columns, axis=1) for split, columns in scores.items()}


def _features(texts: Texts, *, characters: bool) -> dict[str, Any]:
    """Split → sparse (rows, terms), of the terms of the training texts."""
    # A term of one text tells something where there are few; of many texts there would be too many of them.
    rare = 1 if len(texts["train"]) < 10_000 else 2
    options: dict[str, Any] = {"sublinear_tf": True, "dtype": np.float32}
    vectorizers = [TfidfVectorizer(ngram_range=(1, 2), min_df=rare, token_pattern=TERMS, **options)]
    if characters:
        pieces = {"min_df": min(2, len(texts["train"]))}
        vectorizers.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **pieces, **options))
    parts = {"train": [vectorizer.fit_transform(texts["train"]) for vectorizer in vectorizers]}
    for split in (split for split in texts if split != "train"):
        parts[split] = [vectorizer.transform(texts[split]) for vectorizer in vectorizers]
    return {split: hstack(columns).tocsr() for split, columns in parts.items()}


def _may_choose(texts: Texts) -> bool:
    return len(texts.get("validation", ())) >= FEWEST_TO_CHOOSE


def _affordable(texts: Sequence[str], models: int, most: int) -> np.ndarray:
    """The numbers of the training texts that seconds are enough for."""
    cost = models * sum(map(len, texts))
    return evenly(len(texts), len(texts) * most / max(1, cost))


def _said(rows: np.ndarray, texts: Texts) -> dict[str, Any]:
    return {} if len(rows) == len(texts["train"]) else {"train_rows": len(rows)}
