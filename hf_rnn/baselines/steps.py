"""Tells the numbers or the labels of tokens by counting: the mean of training, the labels a word most often has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from .predicted import Predicted


__all__ = ["most_frequent_sets", "training_means"]


Sentences = Mapping[str, Sequence[Sequence[str]]]
# Of each sentence the targets of its tokens, one for each output, NaN where there is none.
Targets = Sequence[Sequence[Sequence[float]]]


def training_means(tokens: Sentences, targets: Targets) -> Predicted:
    """Give every token the mean of the training targets of each output.

    Args:
        tokens: Split → sentences; `train`, and what is to be answered.
        targets: Those of the training sentences.

    Returns:
        Answers: (tokens of the split, outputs), its sentences one after the other.

    Raises:
        ValueError: there is no training target.
    """
    rows = np.array([target for sentence in targets for target in sentence], dtype=np.float64)
    if not rows.size or np.isnan(rows).all(axis=0).any():
        raise ValueError("An output has no training target to take the mean of.")
    means = np.nanmean(rows, axis=0)
    answers = {split: np.tile(means, (_count(tokens[split]), 1)) for split in tokens if split != "train"}
    return Predicted("training mean", answers)


def most_frequent_sets(tokens: Sentences, targets: Targets) -> Predicted:
    """Give each word the set of labels that it has most often in training; a word that training does not have gets the
    most frequent set of all. Tokens of which a target is not known are not counted.

    Args, Returns: As of [`training_means`]; 1 for a label that is said and 0 for another.

    Raises:
        ValueError: there is no training target.
    """
    counts: dict[str, Counter[tuple[float, ...]]] = defaultdict(Counter)
    for sentence, its_targets in zip(tokens["train"], targets, strict=True):
        for word, target in zip(sentence, its_targets, strict=True):
            if not any(value != value for value in target):
                counts[word][tuple(target)] += 1
    overall = sum(counts.values(), Counter())
    if not overall:
        raise ValueError("The training sentences have no token to count the labels of.")
    # Of sets that are equally frequent the one with fewer labels, so that the order of the rows does not decide.
    best = {word: min(found, key=lambda one: (-found[one], one)) for word, found in counts.items()}
    unknown = min(overall, key=lambda one: (-overall[one], one))
    answers = {
        split: np.array([best.get(word, unknown) for sentence in tokens[split] for word in sentence])
        for split in tokens
        if split != "train"
    }
    return Predicted("most frequent labels", answers)


def _count(sentences: Sequence[Sequence[str]]) -> int:
    return sum(map(len, sentences))
