"""Triplet losses, given and mined: by hand, by their gradients, and against sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hf_rnn.losses.triplets import BatchHardTripletLoss, BatchSemiHardTripletLoss, TripletLoss
from tests.losses.embedding_losses import (
    assert_examples_print_what_they_say,
    assert_finite_gradients,
    peer_loss,
    random_embeddings,
)


MINED = (BatchHardTripletLoss, BatchSemiHardTripletLoss)
DISTANCES = ("euclidean", "cosine")
# Each label twice or more, as the peers count anchors without a positive, too.
LABELS = torch.tensor([4, 1, 1, 4, 2, 2, 4, 1])
every_distance = pytest.mark.parametrize("distance", DISTANCES)
every_mined = pytest.mark.parametrize("mined", MINED)


def distance_by_hand(x: torch.Tensor, y: torch.Tensor, distance: str) -> float:
    u, v = x.detach().numpy(), y.detach().numpy()
    if distance == "euclidean":
        return float(np.sqrt(((u - v) ** 2).sum()))
    return float(1 - u @ v / np.sqrt((u @ u) * (v @ v)))


def test_examples_of_the_docstrings() -> None:
    assert_examples_print_what_they_say("hf_rnn.losses.triplets", lines=9)


@every_distance
def test_triplets_by_hand(distance: str) -> None:
    triplets = random_embeddings(8, 4, count=3)
    terms = [
        max(0.0, distance_by_hand(a, p, distance) - distance_by_hand(a, n, distance) + 0.3)
        for a, p, n in zip(*triplets, strict=True)
    ]
    assert 0 < sum(term == 0 for term in terms) < 8
    assert TripletLoss(0.3, distance)(*triplets).item() == pytest.approx(np.mean(terms), rel=1e-12)


def test_half_the_loss_of_squared_distances_of_unit_vectors() -> None:
    """What the docstring says of Schroff et al."""
    a, p, n = (nn.functional.normalize(embeddings) for embeddings in random_embeddings(8, 4, count=3))
    squared = torch.relu((a - p).square().sum(1) - (a - n).square().sum(1) + 0.2).mean()
    torch.testing.assert_close(2 * TripletLoss(0.1, "cosine")(a, p, n), squared)


@every_distance
@pytest.mark.parametrize("margin", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_against_sentence_transformers(distance: str, margin: float, seed: int) -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    triplets = random_embeddings(8, 5, count=3, seed=seed)
    metric = getattr(losses.TripletDistanceMetric, distance.upper())
    peer = peer_loss(losses.TripletLoss, distance_metric=metric, triplet_margin=margin)
    torch.testing.assert_close(TripletLoss(margin, distance)(*triplets), peer(triplets, LABELS), rtol=1e-5, atol=1e-5)


@every_mined
@every_distance
@pytest.mark.parametrize("margin", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_mined_against_sentence_transformers(mined: type[nn.Module], distance: str, margin: float, seed: int) -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    (embeddings,) = random_embeddings(8, 5, count=1, seed=seed)
    metric = getattr(losses.BatchHardTripletLossDistanceFunction, f"{distance}_distance")
    peer = peer_loss(getattr(losses, mined.__name__), distance_metric=metric, margin=margin)
    torch.testing.assert_close(mined(margin, distance)(embeddings, LABELS), peer([embeddings], LABELS))


@every_distance
def test_gradients_of_triplets(distance: str) -> None:
    triplets = [embeddings.requires_grad_() for embeddings in random_embeddings(6, 4, count=3)]
    assert torch.autograd.gradcheck(TripletLoss(0.7, distance), triplets)


@every_mined
@every_distance
def test_gradients_of_mined_triplets(mined: type[nn.Module], distance: str) -> None:
    embeddings = random_embeddings(8, 4, count=1)[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mined(0.7, distance)(x, LABELS), (embeddings,))


@every_mined
def test_a_row_alone_of_its_label_is_no_anchor(mined: type[nn.Module]) -> None:
    """The row changes nothing: it is a negative too far off to be chosen; as an anchor it would change the mean."""
    line = torch.tensor([[0.0], [2.0], [3.0], [5.0]])
    labels = torch.tensor([0, 0, 1, 1])
    alone = mined(1.5)(torch.cat([line, torch.tensor([[1000.0]])]), torch.tensor([0, 0, 1, 1, 2]))
    torch.testing.assert_close(alone, mined(1.5)(line, labels))
    assert alone > 0


@every_mined
@every_distance
@pytest.mark.parametrize("labels", [[1], [2, 2, 2], [1, 2, 3]], ids=["one row", "all duplicates", "no positive"])
def test_no_triplet_is_0_with_a_gradient_of_0(mined: type[nn.Module], distance: str, labels: list[int]) -> None:
    (embeddings,) = random_embeddings(len(labels), 4, count=1)
    loss, (gradient,) = assert_finite_gradients(lambda x: mined(1.0, distance)(x, torch.tensor(labels)), embeddings)
    assert loss == 0 and not gradient.any()


@every_mined
@every_distance
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_rows_that_are_all_equal_cost_the_margin(mined: type[nn.Module], distance: str, value: float) -> None:
    rows = torch.full((4, 3), value)
    loss, _ = assert_finite_gradients(lambda x: mined(0.5, distance)(x, torch.tensor([0, 0, 1, 1])), rows)
    torch.testing.assert_close(loss, torch.tensor(0.5))
    loss, _ = assert_finite_gradients(TripletLoss(0.5, distance), rows, rows.clone(), rows.clone())
    torch.testing.assert_close(loss, torch.tensor(0.5))


@pytest.mark.parametrize("loss", [TripletLoss, *MINED])
def test_bad_options(loss: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="`margin`=-1 must be a finite number above 0"):
        loss(margin=-1)
    with pytest.raises(ValueError, match="`distance`='dot' must be one of 'euclidean', 'cosine'"):
        loss(distance="dot")


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"one shape.*`negative` \(3, 2\)"):
        TripletLoss()(torch.ones(2, 2), torch.ones(2, 2), torch.ones(3, 2))
    for mined in MINED:
        with pytest.raises(ValueError, match=r"`labels` has shape \(3,\); one for each row is \(2,\)"):
            mined()(torch.ones(2, 2), torch.ones(3))
        with pytest.raises(ValueError, match=r"\(batch, features\).*`embeddings` \(2,\)"):
            mined()(torch.ones(2), torch.ones(2))
