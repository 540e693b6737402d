"""Losses by name and in sums."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.losses.in_batch import MultipleNegativesRankingLoss
from hf_rnn.losses.objective import LOSSES, SimilarityObjective
from hf_rnn.losses.pairs import ContrastiveLoss, CoSENTLoss
from hf_rnn.losses.triplets import BatchHardTripletLoss
from hf_rnn.tasks.similarity.arguments import SimilarityArguments, build_objective


A = torch.tensor([[1.0, 0.2], [0.3, 0.8], [-0.5, 0.5], [0.1, -1.0]])
B = torch.tensor([[0.9, 0.0], [0.1, 0.9], [0.5, 0.1], [0.3, 0.3]])
LABELS = torch.tensor([1.0, 1.0, 0.0, 0.0])


def test_a_weighted_sum() -> None:
    objective = SimilarityObjective(
        ["cosent", "multiple_negatives"], {"multiple_negatives": {"scale": 1, "symmetric": True, "weight": 0.25}}
    )
    ranking = MultipleNegativesRankingLoss(scale=1, symmetric=True)(A[:2], B[:2])
    assert ranking > 0.1
    torch.testing.assert_close(objective(A, B, LABELS), CoSENTLoss()(A, B, LABELS) + 0.25 * ranking)
    assert objective.of_pairs
    assert objective.in_batch


def test_groups_are_the_duplicates() -> None:
    objective = SimilarityObjective(["batch_hard_triplet"], {})
    expected = BatchHardTripletLoss()(torch.cat([A[:2], B[:2]]), torch.tensor([0, 1, 0, 1]))
    torch.testing.assert_close(objective(A, B, LABELS), expected)
    assert not objective.of_pairs


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_finite_gradient_whatever_the_labels(name: str) -> None:
    of_scores = name == "regression"
    of_triplets = LOSSES[name].takes == "triplets"
    objective = build_objective(SimilarityArguments(loss=name), "scores" if of_scores else "labels", of_triplets)
    for labels in (LABELS, torch.ones(4), torch.zeros(4)):
        a = A.clone().requires_grad_()
        objective(a, B, labels, logits=(a * B)[:, :1] if of_scores else a * B, c=B.roll(1, 0)).backward()
        assert a.grad is not None
        assert a.grad.isfinite().all()
    if LOSSES[name].takes in ("duplicates", "groups"):
        assert objective(A, B, torch.zeros(4)) == 0


def test_scores_are_refused_by_losses_of_labels() -> None:
    with pytest.raises(ValueError, match="`loss`='contrastive' needs labels.*cosine_mse, cosent, malstm"):
        build_objective(SimilarityArguments(loss="cosent,contrastive"), "scores")


def test_the_loss_fits_the_kind_of_pairs(caplog: pytest.LogCaptureFixture) -> None:
    found = {kind: SimilarityArguments().settled(kind).loss for kind in ("labels", "scores", "classes", "positives")}
    assert found == {
        "labels": "cosent",
        "scores": "cosent",
        "classes": "classification",
        "positives": "multiple_negatives",
    }
    assert caplog.messages == [
        "The loss is classification, because the pairs have classes (--loss names another).",
        "The loss is multiple_negatives, because the pairs have no negatives but those of a batch (--loss names "
        "another).",
    ]
    for kind, loss in found.items():
        assert list(build_objective(SimilarityArguments(loss=loss), kind).takes) == [loss]
    assert SimilarityArguments(loss="hard_negative_batch").settled("positives").loss == "hard_negative_batch"
    with pytest.raises(ValueError, match="`loss`='cosent' .*, and the data have classes; it may be of classification"):
        build_objective(SimilarityArguments(loss="classification,cosent"), "classes")
    with pytest.raises(
        ValueError, match="`loss`='cosent' .* have no pairs that are not alike.* of multiple_negatives"
    ):
        build_objective(SimilarityArguments(loss="cosent"), "positives")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "cosent,hinge"}, "`loss`='cosent,hinge' must be of contrastive"),
        ({"loss": ""}, "`loss`=''"),
        ({"loss_options": "{"}, "`loss_options`='{' is not JSON"),
        ({"loss_options": "[]"}, "must be a JSON object"),
        ({"loss_options": '{"cosent": 3}'}, "must be a JSON object"),
        ({"loss_options": '{"malstm": {}}'}, "`loss_options` are given for 'malstm', but `loss` is 'cosent'"),
        ({"siamese_overrides": "3"}, "`siamese_overrides`='3' must be a JSON object"),
        ({"siamese_overrides": '{"similarity": "dot"}'}, "`siamese_overrides` give `similarity`; give `similarity`"),
        ({"siamese_overrides": '{"encoder": {}}'}, "`siamese_overrides` give `encoder`; give `config_overrides`"),
        ({"similarity": "jaccard"}, "`similarity`='jaccard' must be one of cosine"),
        ({"threshold_metric": "recall"}, "`threshold_metric`='recall' must be one of"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimilarityArguments(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margins": 1}, "hold 'margins'; they may be of margin, weight"),
        ({"margin": -1}, "`margin`=-1"),
        ({"weight": 0}, "the `weight` 0; it must be a finite number above 0"),
        ({"weight": True}, "the `weight` True"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimilarityObjective(["contrastive"], {"contrastive": options})


def test_options_reach_the_loss() -> None:
    arguments = SimilarityArguments(loss="contrastive", loss_options='{"contrastive": {"margin": 0.3}}')
    expected = ContrastiveLoss(margin=0.3)(A, B, LABELS)
    torch.testing.assert_close(build_objective(arguments, "labels")(A, B, LABELS), expected)


def test_pairs_that_are_read_together_have_a_loss_of_logits() -> None:
    found = {
        kind: SimilarityArguments(read_together=True).settled(kind).loss for kind in ("labels", "scores", "classes")
    }
    # The similarity of the two embeddings is learnt beside the logits, where it has two ends.
    both = {"labels": "classification,cosent", "scores": "regression,cosent"}
    assert found == {**both, "classes": "classification"}
    with pytest.raises(ValueError, match="`read_together` is True, and the data have no pairs that are not alike"):
        SimilarityArguments(read_together=True).settled("positives")
    with pytest.raises(ValueError, match="`loss`='cosent' was given with `read_together`"):
        SimilarityArguments(read_together=True, loss="cosent")


@pytest.mark.parametrize("kind", ["labels", "classes", "positives"])
def test_a_regression_needs_scores(kind: str) -> None:
    with pytest.raises(ValueError, match="`loss`='regression' needs"):
        build_objective(SimilarityArguments(loss="regression"), kind)


def test_what_a_teacher_says_takes_the_place_of_labels() -> None:
    said = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, -3.0], [0.5, 0.5]])
    alike = said[:, 1].exp() / said.exp().sum(1)
    cosine = (A * B).sum(1) / (A.norm(dim=1) * B.norm(dim=1))
    # The second needs to know for certain which pairs are alike.
    objective = SimilarityObjective(["cosine_mse", "contrastive"], {"cosine_mse": {"weight": 0.5}})
    torch.testing.assert_close(objective.taught(A, B, said), 0.5 * (cosine - alike).square().mean())
    scores = torch.tensor([[0.2], [0.9], [0.1], [0.4]])
    torch.testing.assert_close(objective.taught(A, B, scores), 0.5 * (cosine - scores[:, 0]).square().mean())
    in_batch = SimilarityObjective(["multiple_negatives"], {})
    torch.testing.assert_close(in_batch.taught(A, B, said), CoSENTLoss()(A, B, alike))
