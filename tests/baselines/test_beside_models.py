"""The baselines beside a trained model, against sklearn used by hand and values known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import f1_score

from hf_rnn.baselines.pairs import OVERLAP_FEATURES, class_odds, overlap_features, score_answers
from hf_rnn.baselines.predicted import evenly
from hf_rnn.baselines.tags import crf_tags, most_frequent_tags
from hf_rnn.baselines.texts import best_shift, class_scores, label_scores, number_scores


WORDS = {0: ["good", "fine"], 1: ["bad", "poor"], 2: ["dull", "slow"]}


def reviews(rows: int, classes: int, seed: int) -> tuple[list[str], np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=rows)
    return [f"the film was {generator.choice(WORDS[label])} {generator.integers(99)}" for label in labels], labels


@pytest.mark.parametrize("classes", [2, 3])
def test_words_that_tell_the_class_are_found(classes: int) -> None:
    splits = {name: reviews(60, classes, seed) for seed, name in enumerate(("train", "validation", "test"))}
    texts = {name: rows for name, (rows, _) in splits.items()}
    found = class_scores(texts, {name: labels for name, (_, labels) in splits.items()}, classes)
    assert found.answers["test"].shape == (60, classes)
    assert (found.answers["test"].argmax(1) == splits["test"][1]).all()


def test_the_class_that_training_lacks_is_never_told() -> None:
    texts = {"train": ["good", "bad"] * 5, "validation": ["good", "bad"]}
    found = class_scores(texts, {"train": np.array([0, 2] * 5), "validation": np.array([0, 2])}, 3)
    assert found.answers["validation"].argmax(1).tolist() == [0, 2]


def test_the_threshold_is_the_best_of_all() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(40, 3))
    truth = scores + generator.normal(size=(40, 3)) > 0.8
    threshold, value = best_shift(scores, truth)
    tried = [f1_score(truth, scores >= each, average="micro", zero_division=0) for each in np.unique(scores)]
    assert value == pytest.approx(max(tried))
    assert f1_score(truth, scores >= threshold, average="micro") == pytest.approx(max(tried))


def test_several_labels_are_said_from_0_on() -> None:
    texts = {name: ["good bad", "good", "bad", "dull"] * 6 for name in ("train", "validation")}
    labels = {name: np.array([[1, 1], [1, 0], [0, 1], [0, 0]] * 6) for name in texts}
    assert ((label_scores(texts, labels).answers["validation"] >= 0) == labels["validation"]).all()


def test_numbers_are_those_of_ridge() -> None:
    texts = {"train": ["one star", "two stars", "five stars !"] * 3, "test": ["two stars", "five"]}
    numbers = np.array([1.0, 2.0, 5.0] * 3)
    vectorizers = [
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True),
    ]
    train, test = (
        np.hstack([each.fit(texts["train"]).transform(rows).toarray() for each in vectorizers])
        for rows in (texts["train"], texts["test"])
    )
    expected = Ridge(alpha=1.0).fit(train, numbers).predict(test)
    found = number_scores(texts, {"train": numbers}).answers["test"]
    np.testing.assert_allclose(found[:, 0], expected, atol=0.02)


def test_each_word_gets_its_most_frequent_tag() -> None:
    tokens = {"train": [["May", "sang"], ["May", "came"], ["May"]], "test": [["May", "came", "unseen"]]}
    # B-PER is the most frequent tag of all.
    found = most_frequent_tags(tokens, [["B-PER", "B-PER"], ["O", "O"], ["B-PER"]])
    assert found.answers["test"] == [["B-PER", "O", "O"]]
    parts = most_frequent_tags(tokens, [["NOUN", "VERB"], ["NOUN", "VERB"], ["NOUN"]])
    assert parts.answers["test"] == [["NOUN", "VERB", "NOUN"]]


def test_a_crf_heeds_the_words_around() -> None:
    """The word x has the tag of what stands before it, which no count of words can tell."""
    tokens = {"train": [["to", "x"], ["by", "x"]] * 10, "test": [["by", "x"], ["to", "x"], []]}
    found = crf_tags(tokens, [["O", "B-LOC"], ["O", "B-PER"]] * 10)
    assert found.answers["test"] == [["O", "B-PER"], ["O", "B-LOC"], []]


def test_overlap_by_hand() -> None:
    (found,) = overlap_features([("Not in 2020 here", "in 2021 here")], [np.array([0.25]), np.array([0.5])])
    named = dict(zip(OVERLAP_FEATURES, found, strict=True))
    assert named["words shared, of all of both"] == pytest.approx(2 / 5)
    assert named["words shared, of the first's"] == pytest.approx(2 / 4)
    assert named["words shared, of the second's"] == pytest.approx(2 / 3)
    assert named["pairs of words shared, of all of both"] == 0
    assert (named["cosine of words by TF-IDF"], named["cosine of pieces of words by TF-IDF"]) == (0.25, 0.5)
    assert named["difference of the numbers of words"] == 1
    assert (named["same first word"], named["same last word"]) == (0, 1)
    assert (named["numbers in one of the two alone"], named["negations in one of the two alone"]) == (2, 1)


def test_trees_learn_from_overlap() -> None:
    generator = np.random.default_rng(0)
    words = [f"w{number}" for number in range(50)]
    pairs, shares = [], generator.integers(6, size=200)
    for share in shares:
        chosen = generator.permutation(words)[:10]
        pairs.append((" ".join(chosen[:5]), " ".join([*chosen[:share], *chosen[5 : 10 - share]])))
    split = {"train": pairs[:150], "test": pairs[150:]}
    scores = score_answers(split, shares[:150]).answers["test"]
    assert np.corrcoef(scores, shares[150:])[0, 1] > 0.95
    odds = class_odds(split, (shares[:150] > 2).astype(int), 2).answers["test"]
    assert (odds.argmax(1) == (shares[150:] > 2)).mean() > 0.95
    with pytest.raises(ValueError, match="All training pairs have the label 1"):
        class_odds(split, np.ones(150), 2)


def test_rows_are_taken_from_the_whole_file() -> None:
    assert evenly(1000, 10).tolist() == list(range(0, 1000, 100))
    assert evenly(3, 1e9).tolist() == [0, 1, 2]
    assert evenly(3, 0.1).tolist() == [0]


@pytest.mark.parametrize(("rows", "strength"), [(99, 10.0), (100, 1.0)])
def test_few_validation_texts_choose_no_strength(rows: int, strength: float) -> None:
    texts, labels = reviews(60, 2, 0)
    others, known = reviews(rows, 2, 1)
    # With all labels turned round no strength is better than the first that is tried, which is not the usual one.
    given = {"train": labels, "validation": 1 - known}
    assert class_scores({"train": texts, "validation": others}, given, 2).options["C"] == strength


@pytest.mark.parametrize(("rows", "alpha"), [(99, 1.0), (100, 0.3)])
def test_few_validation_texts_choose_no_strength_of_ridge(rows: int, alpha: float) -> None:
    texts, labels = reviews(60, 2, 0)
    others, _ = reviews(rows, 2, 1)
    # All numbers are alike, so that no strength correlates better than the first.
    given = {"train": labels.astype(float), "validation": np.ones(rows)}
    assert number_scores({"train": texts, "validation": others}, given).options["alpha"] == alpha
