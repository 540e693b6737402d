"""Losses of batches of duplicates: by hand, by their gradients, and against sentence-transformers."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from hf_rnn.losses.in_batch import HardNegativeBatchLoss, MultipleNegativesRankingLoss
from tests.losses.embedding_losses import (
    assert_examples_print_what_they_say,
    assert_finite_gradients,
    peer_loss,
    random_embeddings,
)


LOSSES = {
    "hard negatives": HardNegativeBatchLoss(),
    "hard negatives, summed": HardNegativeBatchLoss(reduction="sum"),
    "ranking": MultipleNegativesRankingLoss(),
    "ranking, symmetric and smooth": MultipleNegativesRankingLoss(5.0, symmetric=True, label_smoothing=0.1),
    "ranking by dot products": MultipleNegativesRankingLoss(1.0, "dot"),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def cosines(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    x, y = a.numpy(), b.numpy()
    return x @ y.T / np.sqrt((x**2).sum(1)[:, None] * (y**2).sum(1)[None, :])


def near_duplicates(batch: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of which most, but not all, are nearest to their duplicates."""
    a, noise = random_embeddings(batch, 3, count=2, seed=seed)
    return a, a + noise


def costs_by_hand(scores: np.ndarray, margin: float) -> list[float]:
    """The equation of the docstring, a row at a time."""
    costs = []
    for i, row in enumerate(scores):
        others = [row[j] for j in range(len(row)) if j != i]
        below = [score for score in others if score <= row[i]]
        cost1 = max(0.0, margin - row[i] + sum(others) / len(others))
        cost2 = max(0.0, margin - row[i] + max(below)) if below else 0.0
        costs.append(cost1 + cost2)
    return costs


def test_examples_of_the_docstrings() -> None:
    assert_examples_print_what_they_say("hf_rnn.losses.in_batch", lines=8)


@pytest.mark.parametrize("margin", [0.25, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_hard_negatives_by_hand(margin: float, seed: int) -> None:
    a, b = near_duplicates(7, seed)
    scores = cosines(a, b)
    assert (scores > scores.diagonal()[:, None]).any()  # or nothing is masked
    costs = costs_by_hand(scores, margin)
    assert HardNegativeBatchLoss(margin)(a, b).item() == pytest.approx(np.mean(costs), rel=1e-12)
    assert HardNegativeBatchLoss(margin, "sum")(a, b).item() == pytest.approx(np.sum(costs), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_hard_negatives_as_the_exercise_masks_them(seed: int) -> None:
    """Minus 2 in place of a mask comes to the same, the margin being small."""
    a, b = near_duplicates(7, seed)
    scores = cosines(a, b)
    positive = scores.diagonal()[:, None]
    off = scores * (1 - np.eye(7))
    closest = (off - 2 * ((np.eye(7) == 1) | (off > positive))).max(1, keepdims=True)
    mean = off.sum(1, keepdims=True) / 6
    expected = np.maximum(0, 0.25 - positive + closest) + np.maximum(0, 0.25 - positive + mean)
    assert HardNegativeBatchLoss(reduction="sum")(a, b).item() == pytest.approx(expected.sum(), rel=1e-12)


def test_a_row_with_all_others_above_the_diagonal_has_the_mean_negative_only() -> None:
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    b = torch.tensor([[0.6, 0.8], [0.8, 0.6], [1.0, 0.0]])
    # S = [[.6 .8 1] [.8 .6 0] [.8 .6 0]]: in the third row, too, both others are above the diagonal.
    expected = (0.25 - 0.6 + 0.9) + (0.25 - 0.6 + 0.4) + (0.25 - 0 + 0.7)
    loss, _ = assert_finite_gradients(HardNegativeBatchLoss(reduction="sum"), a, b)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_ranking_by_hand(smoothing: float) -> None:
    a, b = near_duplicates(6)
    for similarity, scores in (("cosine", cosines(a, b)), ("dot", (a @ b.T).numpy())):
        probabilities = np.exp(4.0 * scores)
        target = (1 - smoothing) * np.eye(6) + smoothing / 6
        rows = -(target * np.log(probabilities / probabilities.sum(1, keepdims=True))).sum() / 6
        columns = -(target * np.log(probabilities / probabilities.sum(0, keepdims=True))).sum() / 6
        one = MultipleNegativesRankingLoss(4.0, similarity, label_smoothing=smoothing)
        both = MultipleNegativesRankingLoss(4.0, similarity, symmetric=True, label_smoothing=smoothing)
        assert abs(rows - columns) > 1e-3
        assert one(a, b).item() == pytest.approx(rows, rel=1e-12)
        assert both(a, b).item() == pytest.approx((rows + columns) / 2, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_ranking_against_sentence_transformers(similarity: str, seed: int) -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    util = pytest.importorskip("sentence_transformers.util")
    function = util.cos_sim if similarity == "cosine" else util.dot_score
    a, b = (embeddings.float() for embeddings in near_duplicates(8, seed))
    one, both = (MultipleNegativesRankingLoss(3.0, similarity, symmetric=symmetric) for symmetric in (False, True))
    peer = partial(peer_loss, losses.MultipleNegativesRankingLoss, scale=3.0, similarity_fct=function)
    peer_both = peer(directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction")
    torch.testing.assert_close(one(a, b), peer()([a, b], torch.zeros(8)))
    torch.testing.assert_close(both(a, b), peer_both([a, b], torch.zeros(8)))


@every_loss
def test_gradients(loss: nn.Module) -> None:
    a, b = (embeddings.requires_grad_() for embeddings in near_duplicates(6))
    assert loss(a, b) > 0
    assert torch.autograd.gradcheck(loss, (a, b))


@every_loss
def test_a_batch_of_one_is_0_with_a_gradient_of_0(loss: nn.Module) -> None:
    for a, b in (random_embeddings(1, 4, count=2), (torch.zeros(1, 4), torch.ones(1, 4))):
        found, gradients = assert_finite_gradients(loss, a, b)
        assert found == 0 and not any(gradient.any() for gradient in gradients)


@every_loss
@pytest.mark.parametrize("value", [0.0, 1.0], ids=["zero vectors", "all duplicates"])
def test_batches_without_a_difference(loss: nn.Module, value: float) -> None:
    found, _ = assert_finite_gradients(loss, torch.full((4, 3), value), torch.full((4, 3), value))
    if isinstance(loss, HardNegativeBatchLoss):
        # Every negative is as near as the duplicate: both costs of each row are the margin.
        expected = 2 * loss.margin * (4 if loss.reduction == "sum" else 1)
    else:
        expected = math.log(4)
    assert found.item() == pytest.approx(expected)


@every_loss
def test_one_zero_vector_among_others(loss: nn.Module) -> None:
    a, b = (embeddings.clone() for embeddings in near_duplicates(5))
    a[1], b[3] = 0, 0
    assert_finite_gradients(loss, a, b)


@every_loss
def test_bad_input(loss: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"one shape.*`a` \(2, 3\), `b` \(4, 3\)"):
        loss(torch.ones(2, 3), torch.ones(4, 3))
    with pytest.raises(ValueError, match="with a row or more"):
        loss(torch.ones(0, 3), torch.ones(0, 3))


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (HardNegativeBatchLoss, {"margin": 0}, "`margin`=0 must be a finite number above 0"),
        (HardNegativeBatchLoss, {"reduction": "none"}, "`reduction`='none' must be one of 'mean', 'sum'"),
        (MultipleNegativesRankingLoss, {"scale": math.nan}, "`scale`=nan must be a finite number above 0"),
        (MultipleNegativesRankingLoss, {"similarity": "L1"}, "`similarity`='L1' must be one of 'cosine', 'dot'"),
        (MultipleNegativesRankingLoss, {"label_smoothing": 1.0}, r"`label_smoothing`=1.0 must be in \[0, 1\)"),
        (MultipleNegativesRankingLoss, {"label_smoothing": -0.1}, r"`label_smoothing`=-0.1 must be in \[0, 1\)"),
    ],
)
def test_bad_options(loss: type[nn.Module], options: dict[str, float | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss(**options)
