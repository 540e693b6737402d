"""The sampled softmax, held to the exact one and to its formula."""

from __future__ import annotations

import math

import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from torch import nn
from torch.nn import functional

from hf_rnn import LstmConfig, LstmForCausalLM
from hf_rnn.models.sampled_softmax import draw_tokens, sampled_cross_entropy


def layer(vocab_size: int = 30) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(6, vocab_size).double()


def test_tokens_are_drawn_as_the_formula_says() -> None:
    torch.manual_seed(1)
    ids, log_expected = draw_tokens(9, 200_000, torch.device("cpu"))
    q = [math.log((token + 2) / (token + 1)) / math.log(10) for token in range(9)]
    assert sum(q) == pytest.approx(1)
    counts = torch.bincount(ids, minlength=9)
    assert len(counts) == 9
    for token in range(9):
        assert counts[token].item() == pytest.approx(200_000 * q[token], rel=0.05)
        expected = log_expected[ids == token]
        assert expected.exp().tolist() == pytest.approx([200_000 * q[token]] * len(expected), rel=1e-12)


def test_how_often_a_rare_token_of_many_is_expected() -> None:
    torch.manual_seed(1)
    ids, log_expected = draw_tokens(1_000_000, 1000, torch.device("cpu"))
    assert ids.max() > 900_000
    wanted = [math.log(1000 * math.log1p(1 / (token + 1)) / math.log(1_000_001)) for token in ids.tolist()]
    assert log_expected.tolist() == pytest.approx(wanted, rel=1e-12)


def test_many_tokens_give_the_exact_loss_and_gradient() -> None:
    output_layer = layer()
    features = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([3, 0, 29, -100, 7])
    exact = functional.cross_entropy(output_layer(features), targets, reduction="sum", ignore_index=-100)
    wanted = torch.autograd.grad(exact, [features, output_layer.weight, output_layer.bias])
    loss = sampled_cross_entropy(features, targets, output_layer, 400_000)
    assert loss.item() == pytest.approx(exact.item(), rel=5e-3)
    for found, gradient in zip(
        torch.autograd.grad(loss, [features, output_layer.weight, output_layer.bias]), wanted, strict=True
    ):
        torch.testing.assert_close(found, gradient, atol=0.02, rtol=0.05)
    assert (wanted[0][3] == 0).all()


def test_the_right_token_is_no_wrong_one(monkeypatch) -> None:
    """The loss is that computed by hand from two drawn tokens, one of which is the first target."""
    output_layer, features = layer(4), torch.randn(2, 6, dtype=torch.float64)
    drawn, expected = torch.tensor([1, 3]), torch.tensor([0.8, 0.5], dtype=torch.float64)
    monkeypatch.setattr("hf_rnn.models.sampled_softmax.draw_tokens", lambda *_: (drawn, expected.log()))
    scores = output_layer(features)
    first = scores[0, 1].exp() + scores[0, 3].exp() / 0.5
    second = scores[1, 2].exp() + scores[1, 1].exp() / 0.8 + scores[1, 3].exp() / 0.5
    wanted = first.log() - scores[0, 1] + second.log() - scores[1, 2]
    found = sampled_cross_entropy(features, torch.tensor([1, 2]), output_layer, 2)
    assert found.dtype == torch.float64 and found.item() == pytest.approx(wanted.item(), abs=1e-12)


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize(
    ("dtype", "wanted"), [(torch.float64,) * 2, (torch.float32,) * 2, (torch.bfloat16, torch.float32)]
)
def test_the_loss_has_the_precision_of_the_model_or_float32(
    dtype: torch.dtype, wanted: torch.dtype, hooked: bool
) -> None:
    output_layer = layer().to(dtype)
    if hooked:
        output_layer.register_forward_hook(lambda *_: None)
    loss = sampled_cross_entropy(torch.randn(4, 6).to(dtype), torch.tensor([3, 0, -100, 7]), output_layer, 5)
    assert loss.dtype == wanted and torch.isfinite(loss)


@pytest.mark.parametrize("hooked", [False, True])
def test_gradients_are_those_of_finite_differences(monkeypatch, hooked: bool) -> None:
    output_layer, targets = layer(9), torch.tensor([2, 0, -100, 5])
    if hooked:
        output_layer.register_forward_hook(lambda *_: None)
    drawn = draw_tokens(9, 4, torch.device("cpu"))
    monkeypatch.setattr("hf_rnn.models.sampled_softmax.draw_tokens", lambda *_: drawn)
    features = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: sampled_cross_entropy(each, targets, output_layer, 4), (features,))


def test_a_model_samples_in_training_only() -> None:
    torch.manual_seed(0)
    config = LstmConfig(vocab_size=40, embedding_size=8, hidden_size=8, tie_word_embeddings=True, sampled_softmax=100)
    model = LstmForCausalLM(config)
    ids = torch.randint(1, 40, (3, 9))
    exact = model.eval()(ids, labels=ids)
    full = functional.cross_entropy(exact.logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(exact.loss, full)
    outputs = model.train()(ids, labels=ids)
    assert outputs.logits is None
    losses = [model(ids, labels=ids).loss.item() for _ in range(50)]
    assert len(set(losses)) == 50
    assert sum(losses) / 50 == pytest.approx(full.item(), rel=0.05)
    assert model(ids).logits.shape == (3, 9, 40)
    outputs.loss.backward()
    assert model.lm_head.weight.grad.abs().sum() > 0


def test_bad_input() -> None:
    with pytest.raises(
        StrictDataclassClassValidationError, match="`sampled_softmax` is 0; it must be a whole number of at least 1"
    ):
        LstmConfig(sampled_softmax=0)
