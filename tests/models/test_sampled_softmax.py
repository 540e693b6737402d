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
        assert expected.exp().tolist() == pytest.approx([200_000 * q[token]] * len(expected), rel=1e-4)


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
    drawn, expected = torch.tensor([1, 3]), torch.tensor([0.8, 0.5])
    monkeypatch.setattr("hf_rnn.models.sampled_softmax.draw_tokens", lambda *_: (drawn, expected.log()))
    scores = output_layer(features)
    first = scores[0, 1].exp() + scores[0, 3].exp() / 0.5
    second = scores[1, 2].exp() + scores[1, 1].exp() / 0.8 + scores[1, 3].exp() / 0.5
    wanted = first.log() - scores[0, 1] + second.log() - scores[1, 2]
    found = sampled_cross_entropy(features, torch.tensor([1, 2]), output_layer, 2)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


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
