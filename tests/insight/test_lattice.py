"""The tag lattice, held to every path counted one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from hf_rnn.insight.lattice import tag_lattice
from hf_rnn.insight.steps import NotApplicableError
from tests.insight.small import tokenizer
from tests.models.common import HEADS, TAGS, build, build_tagger


TEXT = "a b d c"


@pytest.mark.parametrize("head", [head for head in HEADS if head != "softmax"])
def test_marginals_and_path_are_those_of_all_paths(head: str) -> None:
    model = build_tagger("bilstm", head, words=False)
    lattice = tag_lattice(model, tokenizer(), TEXT)
    num_words, num_states = lattice.emissions.shape
    paths = np.array(list(product(range(num_states), repeat=num_words)))
    scores = lattice.start[paths[:, 0]] + lattice.end[paths[:, -1]]
    scores = scores + sum(lattice.emissions[t, paths[:, t]] for t in range(num_words))
    scores = scores + sum(lattice.transition[paths[:, t - 1], paths[:, t]] for t in range(1, num_words))
    shares = np.exp(scores - np.logaddexp.reduce(scores))
    expected = np.array([[shares[paths[:, t] == state].sum() for state in range(num_states)] for t in range(4)])
    np.testing.assert_allclose(lattice.marginals, expected, atol=1e-10)
    np.testing.assert_array_equal(lattice.path, paths[scores.argmax()])
    assert lattice.log_probability == pytest.approx(np.log(shares.max()))


def test_its_tags_are_the_answer_of_the_model() -> None:
    model = build_tagger("bilstm", "bioes", words=False)
    lattice = tag_lattice(model, tokenizer(), TEXT)
    with torch.no_grad():
        logits = model(**tokenizer()(TEXT, return_tensors="pt")).logits[0]
    assert lattice.tags == tuple(TAGS[label] for label in logits.argmax(1))
    # B-B has no I-B, so that all its entities are of one word.
    assert lattice.states == ("O", "B-A", "S-A", "I-A", "E-A", "S-B")
    assert lattice.labels == ("O", "B-A", "B-A", "I-A", "I-A", "B-B")
    assert lattice.start[3] == lattice.transition[0, 3] == -1e4


def test_the_columns_of_a_model_of_words_are_words() -> None:
    lattice = tag_lattice(build_tagger("bilstm"), tokenizer(), TEXT, max_tokens=3)
    assert " ".join(lattice.words) == "a b d"
    assert len(lattice.emissions) == len(lattice.words) < lattice.total_tokens == 4


def test_the_figure_has_marginals_and_path() -> None:
    lattice = tag_lattice(build_tagger("bilstm", words=False), tokenizer(), TEXT)
    axes = lattice.figure().axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), lattice.marginals.T)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), lattice.path)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(lattice.states)


def test_what_has_no_lattice() -> None:
    with pytest.raises(NotApplicableError, match="`crf=False`"):
        tag_lattice(build_tagger("bilstm", "softmax"), tokenizer(), TEXT)
    with pytest.raises(NotApplicableError, match="BiLstmForSequenceClassification; it must be a tagger"):
        tag_lattice(build("bilstm"), tokenizer(), TEXT)
