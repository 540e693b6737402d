"""The measures of likeness: their equations by hand, and what they do where they have no derivative."""

from __future__ import annotations

import math

import pytest
import torch

from hf_rnn.models.similarity import SIMILARITIES, matrix, pairwise, unit_length


A = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
B = torch.tensor([[4.0, 3.0], [0.0, 2.0]])
BY_HAND = {
    "cosine": [24 / 25, 0.0],
    "dot": [24.0, 0.0],
    "euclidean": [-math.sqrt(2), -math.sqrt(5)],
    "manhattan": [math.exp(-2), math.exp(-3)],
}


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_values_by_hand(kind):
    assert pairwise(A, B, kind).tolist() == pytest.approx(BY_HAND[kind])


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_the_matrix_holds_every_pair(kind):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(rows, 5, generator=generator) for rows in (30, 28))
    b[3] = a[7]
    b[4] = 0
    found = matrix(a, b, kind)
    assert found.shape == (30, 28)
    expected = [[pairwise(a[i : i + 1], b[j : j + 1], kind).item() for j in range(28)] for i in range(30)]
    assert torch.allclose(found, torch.tensor(expected), atol=1e-5)


def test_equal_vectors_are_at_no_distance_in_large_matrices():
    # Of more than 25 rows torch would compute distances by matrix products, which round.
    a = 100 + torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    assert not matrix(a, a, "euclidean").diagonal().any()


@pytest.mark.parametrize("kind", SIMILARITIES)
@pytest.mark.parametrize("function", [pairwise, matrix])
@pytest.mark.parametrize("case", ["equal", "zero", "both zero"])
def test_gradients_are_finite_everywhere(kind, function, case):
    a = torch.tensor([[1.0, 2.0]] if case == "equal" else [[0.0, 0.0]], requires_grad=True)
    b = torch.tensor([[0.0, 0.0]] if case == "both zero" else [[1.0, 2.0]], requires_grad=True)
    found = function(a, b, kind)
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(a.grad).all() and torch.isfinite(b.grad).all()
    # No step of training may be thrown far off by a vector without a direction.
    assert max(a.grad.abs().max(), b.grad.abs().max()) <= 2
    if case != "equal" and kind == "cosine":
        assert found.item() == 0
    if case != "zero" and kind in ("euclidean", "manhattan"):
        assert found.item() == {"euclidean": 0, "manhattan": 1}[kind] and not a.grad.any()


def test_unit_length():
    found = unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert torch.allclose(found, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


@pytest.mark.parametrize("function", [pairwise, matrix])
def test_bad_input_is_named(function):
    with pytest.raises(ValueError, match="`kind` is 'cosin'; it must be one of 'cosine', 'dot'"):
        function(A, B, "cosin")
    with pytest.raises(ValueError, match=r"`b` has shape \(2,\)"):
        function(A, B[0], "dot")
    with pytest.raises(ValueError, match="`b` has 1 features; it must have those of `a`, 2"):
        function(A, B[:, :1], "dot")


def test_pairs_are_as_many_on_both_sides():
    with pytest.raises(ValueError, match=r"`b` has shape \(1, 2\); it must be that of `a`, \(2, 2\)"):
        pairwise(A, B[:1], "dot")
