"""Tells tags by counting: the most frequent one of each word, and a linear-chain CRF (Lafferty et al. 2001) over
the usual features of words, which CRFsuite trains (Okazaki 2007, http://www.chokkan.org/software/crfsuite/).
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .predicted import Predicted, evenly


__all__ = ["crf_tags", "most_frequent_tags", "word_features"]


Sentences = Mapping[str, Sequence[Sequence[str]]]
# Training tokens times labels times labels and features: what L-BFGS passes over in a third of a second.
MOST_OF_LBFGS, FEATURES = 60_000_000, 20
# What the averaged perceptron passes over eight times in half a minute.
MOST_OF_PERCEPTRON = 2_500_000_000
LBFGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 40}
PERCEPTRON = {"max_iterations": 8}


def most_frequent_tags(tokens: Sentences, tags: Sequence[Sequence[str]]) -> Predicted:
    """Give each word the tag that it has most often in training.

    Args:
        tokens: Split → sentences; `train`, and what is to be answered.
        tags: Those of the training sentences.

    Returns:
        Answers: a list of tags for each sentence. A word that training does not have gets O, where that is a tag, else
        the most frequent tag of all.

    Raises:
        ValueError: there is no training token.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence, its_tags in zip(tokens["train"], tags, strict=True):
        for word, tag in zip(sentence, its_tags, strict=True):
            counts[word][tag] += 1
    overall = sum(counts.values(), Counter())
    if not overall:
        raise ValueError("The training sentences have no token to count the tags of.")
    unknown = "O" if "O" in overall else _most_frequent(overall)
    best = {word: _most_frequent(its_counts) for word, its_counts in counts.items()}
    answers = {
        split: [[best.get(word, unknown) for word in sentence] for sentence in tokens[split]]
        for split in tokens
        if split != "train"
    }
    return Predicted("most frequent tag", answers)


def crf_tags(tokens: Sentences, tags: Sequence[Sequence[str]]) -> Predicted:
    """Tag by a linear-chain CRF over [`word_features`].

    It is fitted by L-BFGS with an elastic net or, where that would take minutes, by the averaged perceptron (Collins
    2002); where that would take minutes, too, on sentences at equal distances.

    Args:
        tokens: Split → sentences; `train`, and what is to be answered.
        tags: Those of the training sentences.

    Returns:
        Answers: a list of tags for each sentence.

    Raises:
        ImportError: python-crfsuite is not installed.
        ValueError: there is no training token.
    """
    import pycrfsuite

    labels = len({tag for sentence in tags for tag in sentence})
    if not labels:
        raise ValueError("The training sentences have no token to learn a tag of.")
    cost = sum(map(len, tags)) * labels * (labels + FEATURES)
    rows = evenly(len(tags), len(tags) * MOST_OF_PERCEPTRON / cost)
    algorithm, parameters = ("lbfgs", LBFGS) if cost <= MOST_OF_LBFGS else ("ap", PERCEPTRON)
    trainer = pycrfsuite.Trainer(algorithm=algorithm, params=parameters, verbose=False)
    for row in rows:
        # Of no token CRFsuite has nothing to learn.
        if len(tags[row]):
            trainer.append(word_features(tokens["train"][row]), list(tags[row]))
    tagger = pycrfsuite.Tagger()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        trainer.train(path)
        tagger.open(path)
        answers = {
            split: [tagger.tag(word_features(sentence)) for sentence in tokens[split]]
            for split in tokens
            if split != "train"
        }
        tagger.close()
    options: dict[str, Any] = {"algorithm": algorithm, **parameters}
    if len(rows) < len(tags):
        options["train_rows"] = len(rows)
    return Predicted("linear-chain CRF", answers, options)


def word_features(words: Sequence[str]) -> list[list[str]]:
    """The features of each word of a sentence: itself without capitals, its two and three first and last characters,
    its capitals, digits and hyphens, the two words before and after, and the capitals and endings of the nearest.

    Example:
        >>> word_features(["To", "Rome"])[1][:6]
        ['bias', 'word=rome', 'suffix3=ome', 'suffix2=me', 'prefix3=rom', 'prefix2=ro']
    """
    own = [_own_features(word) for word in words]
    lowered = [word.lower() for word in words]
    found = []
    for place in range(len(words)):
        features = ["bias", *own[place]]
        for offset in (-2, -1, 1, 2):
            other = place + offset
            if 0 <= other < len(words):
                features.append(f"{offset}:word={lowered[other]}")
                if abs(offset) == 1:
                    features += [f"{offset}:{_case(words[other])}", f"{offset}:suffix3={lowered[other][-3:]}"]
            elif abs(offset) == 1:
                features.append(f"{offset}:none")
        found.append(features)
    return found


def _own_features(word: str) -> list[str]:
    lowered = word.lower()
    features = [
        f"word={lowered}",
        f"suffix3={lowered[-3:]}",
        f"suffix2={lowered[-2:]}",
        f"prefix3={lowered[:3]}",
        f"prefix2={lowered[:2]}",
        _case(word),
    ]
    features += ["number"] if word.isdigit() else ["digits"] if any(map(str.isdigit, word)) else []
    return [*features, "hyphen"] if "-" in word else features


def _case(word: str) -> str:
    return "case=title" if word.istitle() else "case=upper" if word.isupper() else "case=other"


def _most_frequent(counts: Counter[str]) -> str:
    # Of equally frequent ones the first by name: the order of the rows says nothing.
    return min(counts, key=lambda tag: (-counts[tag], tag))
