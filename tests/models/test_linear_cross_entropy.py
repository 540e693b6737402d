"""The cross-entropy without logits, held to torch's own with them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from hf_rnn import LstmConfig, LstmForCausalLM
from hf_rnn.models import linear_cross_entropy as module
from hf_rnn.models.linear_cross_entropy import linear_cross_entropy


TARGETS = torch.tensor([3, 0, 10, -100, 7, 7, -100])


def inputs(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, nn.Linear]:
    torch.manual_seed(0)
    return torch.randn(7, 5, dtype=dtype, requires_grad=True), nn.Linear(5, 11).to(dtype)


def loss_and_gradients(loss: torch.Tensor, features: torch.Tensor, layer: nn.Linear) -> list[torch.Tensor]:
    return [loss.detach(), *torch.autograd.grad(3 * loss, [features, layer.weight, layer.bias])]


def exact(features: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    return functional.cross_entropy(layer(features).float(), TARGETS, reduction="sum", ignore_index=-100)


@pytest.mark.parametrize("scores_at_once", [1, 33, 10_000])
def test_loss_and_gradients_are_those_of_torch(monkeypatch, scores_at_once: int) -> None:
    monkeypatch.setattr(module, "SCORES_AT_ONCE", scores_at_once)
    features, layer = inputs()
    wanted = functional.cross_entropy(layer(features), TARGETS, reduction="sum", ignore_index=-100)
    found = linear_cross_entropy(features, TARGETS, layer)
    for one, other in zip(
        loss_and_gradients(found, features, layer), loss_and_gradients(wanted, features, layer), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_large_scores_do_not_overflow() -> None:
    features, layer = inputs(torch.float32)
    with torch.no_grad():
        layer.weight.mul_(1e4)
    found = linear_cross_entropy(features, TARGETS, layer)
    torch.testing.assert_close(found, exact(features, layer))


def test_autocast_computes_the_products_in_its_type() -> None:
    features, layer = inputs(torch.float32)
    found = []
    for loss in (linear_cross_entropy, lambda given, _, head: exact(given, head)):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(features, TARGETS, layer)
        found.append(loss_and_gradients(value, features, layer))
    precise = loss_and_gradients(exact(features, layer), features, layer)
    for own, of_torch, wanted in zip(*found, precise, strict=True):
        assert own.dtype == torch.float32
        torch.testing.assert_close(own, of_torch, atol=0.05, rtol=0.02)
        assert not torch.equal(own, wanted)


def test_what_is_frozen_has_no_gradient() -> None:
    features, layer = inputs()
    layer.weight.requires_grad_(False)
    linear_cross_entropy(features, TARGETS, layer).backward()
    assert layer.weight.grad is None and layer.bias.grad is not None and features.grad is not None
    with torch.no_grad():
        assert not linear_cross_entropy(features, TARGETS, layer).requires_grad


def test_no_target() -> None:
    features, layer = inputs()
    loss = linear_cross_entropy(features, torch.full((7,), -100), layer)
    loss.backward()
    assert loss == 0 and (features.grad == 0).all()


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_gives_the_same_loss_without_logits(tied: bool) -> None:
    torch.manual_seed(0)
    config = LstmConfig(vocab_size=20, embedding_size=6, hidden_size=7, tie_word_embeddings=tied, activation_penalty=1)
    model = LstmForCausalLM(config).double().train()
    ids = torch.randint(1, 20, (3, 8))
    found = []
    for skip_logits in (False, True):
        model.zero_grad()
        outputs = model(ids, labels=ids, skip_logits=skip_logits)
        outputs.loss.backward()
        gradients = [parameter.grad for parameter in model.parameters()]
        found.append(nn.utils.parameters_to_vector(gradients))
        assert (outputs.logits is None) is skip_logits
        found.append(outputs.loss.detach())
    torch.testing.assert_close(found[2:], found[:2], atol=1e-12, rtol=1e-12)
    assert model(ids, skip_logits=True).logits.shape == (3, 8, 20)
