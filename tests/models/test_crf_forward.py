"""Tests of hf_rnn/models/crf_forward.py against sums over the paths and against the loop in logarithms."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from hf_rnn.models import crf_forward
from hf_rnn.models.crf import FORBIDDEN, ConditionalRandomField, allowed_transitions
from hf_rnn.models.crf_forward import forward_scores


def in_logarithms(first: torch.Tensor, transition: torch.Tensor, emissions: torch.Tensor) -> torch.Tensor:
    """Compute what `forward_scores` does by autograd through a table of all transitions at each step."""
    scores = [first.unsqueeze(1) + emissions[:, :, 0]]
    for t in range(1, emissions.shape[2]):
        scores.append(torch.logsumexp(scores[-1].unsqueeze(3) + transition.unsqueeze(1), 2) + emissions[:, :, t])
    return torch.stack(scores, 2)


def drawn(labels: int, groups: int = 1, batch: int = 3, time: int = 6, scale: float = 2.0, **kwargs: Any) -> Any:
    """Scores of the first label, of transitions and of emissions, with BIOES' rules where there are enough labels."""
    first, transition = torch.randn(groups, labels, **kwargs), torch.randn(groups, labels, labels, **kwargs)
    if labels % 4 == 1:
        names = ["O", *(f"{prefix}-{entity}" for entity in range(labels // 4) for prefix in "BIES")]
        start, follows, _ = allowed_transitions(names, "BIOES")
        first, transition = first.masked_fill(~start, FORBIDDEN), transition.masked_fill(~follows, FORBIDDEN)
    emissions = scale * torch.randn(groups, batch, time, labels, **kwargs)
    return [values.requires_grad_() for values in (first, transition, emissions)]


def gradients(function: Any, inputs: Any, weights: torch.Tensor) -> Any:
    """The weighed sum of the scores that no rule forbids, and its gradients."""
    scores = function(*inputs)
    total = (scores * weights).masked_fill(scores < FORBIDDEN / 2, 0).sum()
    return scores.detach(), torch.autograd.grad(total, inputs)


@pytest.mark.parametrize(("labels", "groups", "scale"), [(4, 2, 2.0), (9, 1, 2.0), (17, 2, 30.0), (9, 1, 400.0)])
def test_scores_and_gradients_are_those_of_the_loop_in_logarithms(labels: int, groups: int, scale: float) -> None:
    torch.manual_seed(labels)
    inputs = drawn(labels, groups, scale=scale, dtype=torch.float64)
    weights = torch.randn(inputs[2].shape, dtype=torch.float64)
    expected, of_expected = gradients(in_logarithms, inputs, weights)
    found, of_found = gradients(lambda *given: forward_scores(*given, FORBIDDEN), inputs, weights)
    possible = expected > FORBIDDEN / 2
    assert torch.equal(possible, found > FORBIDDEN / 2), "the same labels are out of reach"
    torch.testing.assert_close(found[possible], expected[possible], atol=1e-10, rtol=1e-12)
    for one, other in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-10)


def test_the_sum_over_every_path() -> None:
    torch.manual_seed(0)
    first, transition, emissions = (values.detach()[0] for values in drawn(3, batch=1, time=4, dtype=torch.float64))
    scores = [
        first[path[0]]
        + sum(emissions[0, t, label] for t, label in enumerate(path))
        + sum(transition[pair] for pair in itertools.pairwise(path))
        for path in itertools.product(range(3), repeat=4)
    ]
    last = forward_scores(first[None], transition[None], emissions[None], FORBIDDEN)[0, 0, -1]
    torch.testing.assert_close(torch.logsumexp(last, 0), torch.logsumexp(torch.stack(scores), 0), atol=1e-12, rtol=0)


def test_what_single_precision_cannot_hold_is_taken_in_logarithms() -> None:
    # The only way to the second label is 200 below the best path: its exponential is 0 in float32.
    first, transition = torch.tensor([[0.0, -200.0]]), torch.tensor([[[0.0, FORBIDDEN], [-5.0, 1.0]]])
    emissions = torch.zeros(1, 1, 3, 2)
    inputs = [values.requires_grad_() for values in (first, transition, emissions)]
    found = forward_scores(*inputs, FORBIDDEN)
    assert found[0, 0, :, 1].tolist() == [-200.0, -199.0, -198.0]
    weights = torch.tensor([[[[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]]])
    _, (of_first, of_transition, _) = gradients(lambda *given: forward_scores(*given, FORBIDDEN), inputs, weights)
    assert of_first.tolist() == [[0.0, 1.0]]
    assert of_transition.tolist() == [[[0.0, 0.0], [0.0, 2.0]]]


def test_only_the_labels_that_need_it_are_reached_in_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    inputs = drawn(9, groups=2, batch=4, time=8, scale=60.0)
    taken = []
    original = crf_forward._those_that_matter
    monkeypatch.setattr(crf_forward, "_those_that_matter", lambda *given: taken.append(original(*given)) or taken[-1])
    found = forward_scores(*inputs, FORBIDDEN)
    shares = [len(each[0]) / (2 * 4 * 9) for each in taken if each is not None]
    assert len(shares) >= 3 and max(shares) < 0.9, "some labels of most steps, never all of them"
    expected = in_logarithms(*(values.double() for values in inputs))
    possible = expected > FORBIDDEN / 2
    torch.testing.assert_close(found[possible].double(), expected[possible], atol=1e-2, rtol=1e-5)


def test_a_label_that_is_reached_in_logarithms_has_its_gradient_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # A sum on the border of what is exact may be small on the way forth and not on the way back.
    torch.manual_seed(6)
    inputs = drawn(9, groups=2, dtype=torch.float64)
    weights = torch.randn(inputs[2].shape, dtype=torch.float64)
    _, expected = gradients(in_logarithms, inputs, weights)
    every = lambda small, emissions, forbidden: torch.ones_like(small).nonzero(as_tuple=True)  # noqa: E731
    monkeypatch.setattr(crf_forward, "_those_that_matter", every)
    _, found = gradients(lambda *given: forward_scores(*given, FORBIDDEN), inputs, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-10)


def test_gradients_by_finite_differences() -> None:
    torch.manual_seed(1)
    inputs = drawn(4, groups=2, batch=2, time=3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *given: forward_scores(*given, FORBIDDEN), inputs)


def test_autocast_and_weights_in_half_precision_change_no_digit() -> None:
    torch.manual_seed(2)
    first, transition, emissions = (values.detach() for values in drawn(9, time=40))
    expected = forward_scores(first, transition, emissions, FORBIDDEN)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(forward_scores(first, transition, emissions, FORBIDDEN), expected)
    rounded = transition.bfloat16()
    found = forward_scores(first, rounded, emissions, FORBIDDEN)
    assert torch.equal(found, forward_scores(first, rounded.float(), emissions, FORBIDDEN))


def test_the_log_partition_takes_no_step_in_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    names = ["O", *(f"{prefix}-{entity}" for entity in "XYZ" for prefix in "BIES")]
    field = ConditionalRandomField(len(names), allowed_transitions(names, "BIOES"))
    field.initialize()
    emissions, mask = torch.randn(4, 12, len(names)), torch.arange(12) < torch.tensor([[12], [9], [1], [4]])
    path, _ = field.viterbi(emissions, mask)
    said = []
    original = crf_forward._those_that_matter
    monkeypatch.setattr(crf_forward, "_those_that_matter", lambda *given: said.append(original(*given)) or said[-1])
    found = field(emissions, path, mask)
    # Behind the last label of a sentence, which is the only one that it may have, most have no way in: nobody asks.
    assert said == [None] * 11
    every = lambda small, emissions, forbidden: torch.ones_like(small).nonzero(as_tuple=True)  # noqa: E731
    monkeypatch.setattr(crf_forward, "_those_that_matter", every)
    torch.testing.assert_close(found, field(emissions, path, mask), atol=1e-4, rtol=1e-5)
    assert bool((found < 0).all())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-3), (torch.float64, 1e-9)])
def test_transitions_of_any_size_have_finite_gradients(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(4)
    first, transition, emissions = (values.detach() for values in drawn(4, batch=5, time=30, scale=60.0, dtype=dtype))
    inputs = [values.requires_grad_() for values in (first, 80 * transition, emissions)]
    # As the loss is scaled for half precision.
    weights = 65536 * torch.randn(emissions.shape, dtype=dtype)
    _, expected = gradients(in_logarithms, inputs, weights)
    _, found = gradients(lambda *given: forward_scores(*given, FORBIDDEN), inputs, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one / 65536, other / 65536, atol=tolerance, rtol=tolerance)
