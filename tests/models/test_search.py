"""Search by blocks against a full sort of all similarities."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from hf_rnn import semantic_search
from hf_rnn.models import search
from hf_rnn.models.similarity import SIMILARITIES, matrix
from tests.models.siamese import OTHERS, TEXTS, build_siamese, tokenizer_of_words


def brute_force(queries, corpus, top_k, similarity):
    scores, order = matrix(queries, corpus, similarity).sort(dim=1, descending=True, stable=True)
    return scores[:, :top_k], order[:, :top_k]


@pytest.mark.parametrize("block_size", [1, 4, 7, 16, 1000])
@pytest.mark.parametrize("top_k", [1, 5, 16, 40])
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equals_a_full_sort(similarity, top_k, block_size):
    generator = torch.Generator().manual_seed(0)
    queries, corpus = (torch.randn(n, 6, generator=generator) for n in (9, 16))
    scores, positions = semantic_search(queries, corpus, top_k, similarity, block_size)
    expected, order = brute_force(queries, corpus, top_k, similarity)
    assert scores.shape == positions.shape == (9, min(top_k, 16))
    assert torch.equal(positions, order) and torch.allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("block_size", [1, 5, 8, 64])
@pytest.mark.parametrize("top_k", [1, 3, 10, 60])
@pytest.mark.parametrize("similarity", ["dot", "euclidean", "manhattan"])
def test_of_equals_the_smaller_position_comes_first(similarity, top_k, block_size):
    # Small whole numbers: similarities are exact, and nearly all of them are those of others.
    generator = torch.Generator().manual_seed(0)
    queries, corpus = (torch.randint(0, 2, (n, 3), generator=generator).float() for n in (11, 53))
    scores, positions = semantic_search(queries, corpus, top_k, similarity, block_size)
    expected, order = brute_force(queries, corpus, top_k, similarity)
    assert torch.equal(positions, order) and torch.equal(scores, expected)


def test_zero_vectors_are_unlike_everything_under_cosine():
    scores, positions = semantic_search(torch.zeros(1, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0], [-1.0, 2.0]]), 2)
    assert scores.tolist() == [[0, 0]] and positions.tolist() == [[0, 1]]


def test_no_matrix_is_larger_than_a_block(monkeypatch):
    shapes = []

    def measured(a, b, kind):
        shapes.append((len(a), len(b)))
        return matrix(a, b, kind)

    monkeypatch.setattr(search, "matrix", measured)
    semantic_search(torch.randn(7, 2), torch.randn(10, 2), 3, block_size=4)
    assert shapes == [(4, 4), (4, 4), (4, 2), (3, 4), (3, 4), (3, 2)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_type_of_the_vectors_stays(dtype):
    queries, corpus = torch.eye(3, dtype=dtype), torch.eye(3, dtype=dtype)[[2, 0, 1]]
    scores, positions = semantic_search(queries, corpus, 1)
    assert scores.dtype == dtype and positions.tolist() == [[1], [2], [0]]


def test_empty_sides():
    some, none = torch.ones(2, 3), torch.ones(0, 3)
    for queries, corpus, shape in ((none, some, (0, 2)), (some, none, (2, 0)), (none, none, (0, 0))):
        scores, positions = semantic_search(queries, corpus)
        assert scores.shape == positions.shape == shape and positions.dtype == torch.long


def test_progress_is_shown_if_asked_for(capsys):
    semantic_search(torch.ones(3, 2), torch.ones(5, 2))
    assert "Searching" not in capsys.readouterr().err
    semantic_search(torch.ones(3, 2), torch.ones(5, 2), progress=True)
    assert "3/3" in capsys.readouterr().err


ONES = torch.ones(2, 3)
BAD = {
    "`queries` is .*list": ([[1.0]], ONES, {}),
    r"`queries` is torch.float32 \(3,\)": (ONES[0], ONES, {}),
    r"`corpus` is torch.int64 \(2, 3\)": (ONES, ONES.long(), {}),
    "`corpus` holds NaN": (ONES, torch.tensor([[1.0, torch.nan, 1.0]]), {}),
    "`queries` holds NaN or infinity": (ONES * torch.inf, ONES, {}),
    "`corpus` has the dtype torch.float64.* torch.float32": (ONES, ONES.double(), {}),
    "`corpus` has 2 features.* 3": (ONES, ONES[:, :2], {}),
    "`similarity` is 'jaccard'.* 'manhattan'": (ONES, ONES, {"similarity": "jaccard"}),
    "`top_k`=0 must be": (ONES, ONES, {"top_k": 0}),
    "`top_k`=True must be": (ONES, ONES, {"top_k": True}),
    "`block_size`=2.0 must be": (ONES, ONES, {"block_size": 2.0}),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    queries, corpus, options = BAD[message]
    with pytest.raises(ValueError, match=message):
        semantic_search(queries, corpus, **options)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_model_searches_texts_or_vectors(similarity):
    model, tokenizer = build_siamese(AutoModel, "bilstm", similarity=similarity), tokenizer_of_words()
    corpus = model.encode(OTHERS, tokenizer)
    expected = semantic_search(model.encode(TEXTS, tokenizer), corpus, 2, similarity)
    for queries, others in ((TEXTS, OTHERS), (model.encode(TEXTS, tokenizer), OTHERS), (TEXTS, corpus)):
        scores, positions = model.search(queries, others, tokenizer, top_k=2)
        assert torch.equal(positions, expected[1]) and torch.allclose(scores, expected[0], atol=1e-6)
    for query in (TEXTS[1], model.encode(TEXTS[1], tokenizer)):
        scores, positions = model.search(query, corpus, tokenizer, top_k=2)
        assert positions.tolist() == expected[1][1:2].tolist() and torch.allclose(scores, expected[0][1:2], atol=1e-6)
