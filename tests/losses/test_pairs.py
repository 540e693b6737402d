"""Losses of pairs: by hand, by their gradients, and against sentence-transformers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from hf_rnn.losses.pairs import ContrastiveLoss, CoSENTLoss, CosineMseLoss, MaLstmLoss, PairClassificationLoss
from tests.losses.embedding_losses import (
    assert_examples_print_what_they_say,
    assert_finite_gradients,
    peer_loss,
    random_embeddings,
)


LOSSES = {
    "contrastive": ContrastiveLoss(margin=4.0),
    "cosine": CosineMseLoss(),
    "manhattan": MaLstmLoss(),
    "CoSENT": CoSENTLoss(scale=3.0),
}
LABELS = torch.tensor([1, 0, 0, 1, 1, 0])
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def cosines(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    x, y = a.numpy(), b.numpy()
    return (x * y).sum(1) / np.sqrt((x**2).sum(1) * (y**2).sum(1))


def test_examples_of_the_docstrings() -> None:
    assert_examples_print_what_they_say("hf_rnn.losses.pairs", lines=13)


def test_contrastive_by_hand() -> None:
    a, b = random_embeddings(6, 4, count=2)
    distance = np.sqrt(((a - b).numpy() ** 2).sum(1))
    margin = float(np.sort(distance)[3])  # some of the pairs are beyond it
    similar = LABELS.numpy()
    terms = similar * distance**2 + (1 - similar) * np.maximum(0, margin - distance) ** 2
    assert ContrastiveLoss(margin)(a, b, LABELS).item() == pytest.approx(0.5 * terms.mean(), rel=1e-12)


def test_cosine_mse_by_hand() -> None:
    a, b = random_embeddings(6, 4, count=2)
    scores = torch.linspace(-1, 1, 6, dtype=torch.float64)
    expected = ((cosines(a, b) - scores.numpy()) ** 2).mean()
    assert CosineMseLoss()(a, b, scores).item() == pytest.approx(expected, rel=1e-12)


def test_ma_lstm_by_hand() -> None:
    a, b = random_embeddings(6, 4, count=2)
    scores = torch.linspace(0, 1, 6, dtype=torch.float64)
    expected = ((np.exp(-np.abs((a - b).numpy()).sum(1)) - scores.numpy()) ** 2).mean()
    assert MaLstmLoss()(a, b, scores).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scores", [[3.0, 1.0, 2.0, 2.0, 5.0, 0.0], [1, 0, 0, 1, 1, 0]])
def test_cosent_by_hand(scores: list[float]) -> None:
    a, b = random_embeddings(6, 4, count=2)
    found = cosines(a, b)
    total = sum(math.exp(7.0 * (found[j] - found[i])) for i in range(6) for j in range(6) if scores[i] > scores[j])
    assert CoSENTLoss(scale=7.0)(a, b, torch.tensor(scores)).item() == pytest.approx(math.log(1 + total), rel=1e-12)


def test_contrastive_against_sentence_transformers() -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    a, b = random_embeddings(6, 4, count=2)
    peer = peer_loss(losses.ContrastiveLoss, distance_metric=losses.SiameseDistanceMetric.EUCLIDEAN, margin=2.5)
    # The peer adds 1e-6 to each coordinate of the difference.
    torch.testing.assert_close(ContrastiveLoss(2.5)(a, b, LABELS), peer([a, b], LABELS), rtol=1e-5, atol=0)


@pytest.mark.parametrize("seed", range(5))
def test_cosent_and_cosine_mse_against_sentence_transformers(seed: int) -> None:
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    a, b = (embeddings.float() for embeddings in random_embeddings(8, 5, count=2, seed=seed))
    scores = torch.randint(0, 5, (8,), generator=torch.Generator().manual_seed(seed)) / 4
    for ours, peer in (
        (CoSENTLoss(scale=20.0), peer_loss(losses.CoSENTLoss, scale=20.0)),
        (CosineMseLoss(), peer_loss(losses.CosineSimilarityLoss)),
    ):
        torch.testing.assert_close(ours(a, b, scores), peer([a, b], scores))


@every_loss
def test_gradients(loss: nn.Module) -> None:
    a, b = (embeddings.requires_grad_() for embeddings in random_embeddings(6, 4, count=2))
    assert torch.autograd.gradcheck(lambda x, y: loss(x, y, LABELS), (a, b))
    assert loss(a, b, LABELS) > 0


@every_loss
@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [1, 0, 1]])
def test_zero_vectors_and_equal_vectors(loss: nn.Module, labels: list[int]) -> None:
    vector = torch.tensor([0.5, -2.0, 1.0])
    a, b = torch.stack([0 * vector, vector, vector]), torch.stack([0 * vector, vector, 0 * vector])
    assert_finite_gradients(lambda x, y: loss(x, y, torch.tensor(labels)), a, b)


def test_zero_vectors_have_the_cosine_0() -> None:
    zeros, ones = torch.zeros(2, 3), torch.ones(2, 3)
    assert CosineMseLoss()(zeros, ones, torch.tensor([0.5, -0.5])) == 0.25


@pytest.mark.parametrize(("batch", "scores"), [(1, [1.0]), (3, [2.0, 2.0, 2.0])])
def test_cosent_without_an_order_is_0(batch: int, scores: list[float]) -> None:
    a, b = random_embeddings(batch, 4, count=2)
    loss, gradients = assert_finite_gradients(lambda x, y: CoSENTLoss()(x, y, torch.tensor(scores)), a, b)
    assert loss == 0 and not any(gradient.any() for gradient in gradients)


def test_cosent_does_not_overflow() -> None:
    a = torch.ones(2, 3)
    b = torch.stack([-a[0], a[0]])
    assert CoSENTLoss(scale=1e4)(a, b, torch.tensor([1.0, 0.0])).item() == pytest.approx(2e4)


def test_label_1_draws_together_and_label_0_apart() -> None:
    a, b = torch.zeros(1, 2), torch.tensor([[0.3, 0.4]], requires_grad=True)
    loss = ContrastiveLoss(margin=1.0)
    together, apart = (torch.autograd.grad(loss(a, b, torch.tensor([label])), b)[0] for label in (1, 0))
    # What descends the gradient of `together` goes to `a`.
    torch.testing.assert_close(together, b.detach())
    torch.testing.assert_close(apart, -b.detach())


@every_loss
@pytest.mark.parametrize(
    ("a", "b", "labels", "message"),
    [
        (torch.ones(2, 3), torch.ones(3, 3), torch.ones(2), r"one shape.*`a` \(2, 3\), `b` \(3, 3\)"),
        (torch.ones(2, 3), torch.ones(2, 4), torch.ones(2), r"one shape.*`a` \(2, 3\), `b` \(2, 4\)"),
        (torch.ones(3), torch.ones(3), torch.ones(3), r"must be \(batch, features\).*`a` \(3,\)"),
        (torch.ones(0, 3), torch.ones(0, 3), torch.ones(0), "with a row or more"),
        (torch.ones(2, 3), torch.ones(2, 3), torch.ones(3), r"`labels` has shape \(3,\); one for each row is \(2,\)"),
        (torch.ones(2, 3), torch.ones(2, 3), torch.ones(2, 1), r"`labels` has shape \(2, 1\)"),
        (torch.ones(2, 3), torch.ones(2, 3), torch.tensor([1.0, math.nan]), "`labels` holds nan"),
    ],
)
def test_bad_input(loss: nn.Module, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loss(a, b, labels)


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [
        ("contrastive", 0.5, "holds 0.5; it must be 1, similar, or 0"),
        ("contrastive", -1, "holds -1"),
        ("cosine", 4.5, r"holds 4.5; it must hold numbers in \[-1, 1\]"),
        ("manhattan", -0.5, r"holds -0.5; it must hold numbers in \[0, 1\]"),
    ],
)
def test_labels_out_of_range(name: str, label: float, message: str) -> None:
    with pytest.raises(ValueError, match="`labels` " + message):
        LOSSES[name](torch.ones(2, 3), torch.ones(2, 3), torch.tensor([1, label]))


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_bad_options(value: float) -> None:
    with pytest.raises(ValueError, match=f"`margin`={value} must be a finite number above 0"):
        ContrastiveLoss(margin=value)
    with pytest.raises(ValueError, match=f"`scale`={value} must be a finite number above 0"):
        CoSENTLoss(scale=value)


def test_classification_by_hand() -> None:
    logits, labels = torch.tensor([[0.0, 1.0], [2.0, 0.5]]), torch.tensor([1.0, 1.0])
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(1.5))) / 2
    assert PairClassificationLoss()(logits, labels).item() == pytest.approx(expected)
    smoothed = PairClassificationLoss(label_smoothing=0.2)(logits[:1], labels[:1])
    assert smoothed.item() == pytest.approx(0.9 * math.log(1 + math.exp(-1)) + 0.1 * math.log(1 + math.exp(1)))


@pytest.mark.parametrize("label", [2.0, -1.0, float("nan")])
def test_classification_refuses_other_labels(label: float) -> None:
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        PairClassificationLoss()(torch.zeros(1, 2), torch.tensor([label]))


def test_classification_refuses_a_smoothing_of_everything() -> None:
    with pytest.raises(ValueError, match="`label_smoothing`=1"):
        PairClassificationLoss(label_smoothing=1)
