"""Adversarial training, against the same written out with autograd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, set_seed

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    GruConfig,
    GruForCausalLM,
    GruForSequenceClassification,
)
from hf_rnn.training.techniques.adversarial import adversarial_step
from tests.models.common import batch_of, build_tagger, sentences
from tests.training.test_trainer import VOCABULARY, arguments, rows, trainer


EPSILON = 0.3


def classifier(**values: Any) -> BiLstmForSequenceClassification:
    set_seed(0)
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_size": 5, "pooling": "mean_max"}
    return BiLstmForSequenceClassification(BiLstmConfig(**{**sizes, **values})).double()


def batch() -> dict[str, torch.Tensor]:
    ids = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0], [9, 3, 9, 0]])
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": torch.tensor([0, 1, 1])}


def written_out(model: nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gradients of L(x) + L(x + r) by their definitions, a text at a time where r is concerned."""
    table = model.get_input_embeddings()
    others = {name: values for name, values in inputs.items() if name != "input_ids"}
    found = table(inputs["input_ids"])
    leaf = found.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model(inputs_embeds=leaf, **others).loss, leaf)
    moves = [EPSILON * text.norm() * slope / slope.norm() for text, slope in zip(leaf.detach(), gradient, strict=True)]
    loss = model(inputs_embeds=found, **others).loss + model(inputs_embeds=found + torch.stack(moves), **others).loss
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def step(model: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    loss = model(**inputs).loss
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("frozen", [False, True])
def test_the_gradients_are_those_of_both_losses(frozen: bool) -> None:
    model, inputs = classifier(), batch()
    model.get_input_embeddings().weight.requires_grad_(not frozen)
    expected = {name: gradient.clone() for name, gradient in written_out(model, inputs).items()}
    model.zero_grad()
    plain = model(**inputs).loss
    loss = adversarial_step(lambda: step(model, inputs), model, EPSILON)
    assert loss.item() == pytest.approx(plain.item(), abs=1e-12)
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert found.keys() == expected.keys()
    assert ("model.embeddings.word_embeddings.weight" in found) is not frozen
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-11, msg=name)
    # The table gives its own vectors again.
    assert model(**inputs).loss.item() == pytest.approx(plain.item(), abs=1e-12)


def with_table(table: nn.Embedding) -> nn.Module:
    model = nn.Module()
    model.get_input_embeddings = lambda: table
    return model


def test_what_the_loss_does_not_read_stays_where_it_is() -> None:
    table, other = nn.Embedding(5, 3), nn.Linear(3, 1)
    model = with_table(table)
    seen: list[torch.Tensor] = []

    def ignores() -> torch.Tensor:
        seen.append(table(torch.tensor([[1, 2]])).detach())
        loss = other(torch.ones(3)).sum()
        loss.backward()
        return loss

    adversarial_step(ignores, model, EPSILON)
    assert len(seen) == 2 and torch.equal(*seen)


def test_the_table_is_as_before_after_an_error() -> None:
    table = nn.Embedding(5, 3)

    def fails() -> torch.Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        adversarial_step(fails, with_table(table), EPSILON)
    assert not table._forward_hooks


def sentence_alone(
    model: nn.Module, inputs: dict[str, torch.Tensor], move: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Its share of the batch's loss, with its word vectors (words, features) moved."""
    handle = model.get_input_embeddings().register_forward_hook(lambda module, arguments, found: found + move(found))
    loss: torch.Tensor = model(**inputs, num_items_in_batch=9).loss
    handle.remove()
    return loss


@pytest.mark.parametrize("head", ["softmax", "bioes"])
def test_words_are_moved_by_the_norms_of_their_own_sentence(head: str) -> None:
    model = build_tagger("bilstm", head, word_vocab_size=4)
    labels = torch.tensor([[0, -100, 1, -100, 0], [1, -100, 0, -100, 3], [0] + [-100] * 4, [3, -100, 0, -100, -100]])
    inputs = {**batch_of(sentences([4, 5, 1, 3]), "right")[0], "labels": labels}
    model.zero_grad()
    for row in range(len(labels)):
        alone = {name: values[row : row + 1] for name, values in inputs.items()}
        # A leaf that is zero where the sentence stays as it is: the gradient there is that of its word vectors.
        kept: list[torch.Tensor] = []

        def at_rest(found: torch.Tensor, kept: list[torch.Tensor] = kept) -> torch.Tensor:
            kept.extend([found.detach(), torch.zeros_like(found).requires_grad_()])
            return kept[1]

        plain = sentence_alone(model, alone, at_rest)
        vectors, leaf = kept
        (slope,) = torch.autograd.grad(plain, leaf, retain_graph=True)
        move = EPSILON * vectors.norm() * slope / slope.norm()
        (plain + sentence_alone(model, alone, lambda _, move=move: move)).backward()
    expected = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    adversarial_step(lambda: step(model, {**inputs, "num_items_in_batch": 9}), model, EPSILON)
    for name, gradient in expected.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, rtol=1e-8, atol=1e-10, msg=name)
    hooks = [*model.get_input_embeddings()._forward_hooks, *model.model.embeddings._forward_pre_hooks]
    assert not hooks


def test_the_trainer_makes_such_steps(tmp_path: Path) -> None:
    data = rows(8)
    weights = {}
    for name, epsilon in (("plain", None), ("again", 1e-9), ("moved", EPSILON)):
        run = trainer(
            classifier(), tmp_path / name, train_dataset=data, adversarial_epsilon=epsilon, max_grad_norm=0.0,
            optim="sgd", learning_rate=0.1, per_device_train_batch_size=8, num_train_epochs=1,
        )  # fmt: skip
        before = {name: value.clone() for name, value in run.model.named_parameters()}
        run.train()
        weights[name] = {name: value.detach() - before[name] for name, value in run.model.named_parameters()}
    # A perturbation of nothing is the same batch again: twice the step.
    for name, change in weights["plain"].items():
        torch.testing.assert_close(weights["again"][name], 2 * change, rtol=1e-5, atol=1e-9)
    assert any(
        not torch.allclose(weights["moved"][name], weights["again"][name], rtol=0.01) for name in weights["moved"]
    )


def test_a_bert_learns_so_too() -> None:
    set_seed(0)
    sizes = {"vocab_size": VOCABULARY, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(**sizes, num_hidden_layers=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    model, inputs = BertForSequenceClassification(config).double(), batch()
    expected = {name: gradient.clone() for name, gradient in written_out(model, inputs).items()}
    model.zero_grad()
    adversarial_step(lambda: step(model, inputs), model, EPSILON)
    for name, gradient in expected.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("epsilon", [0.0, -0.1, float("nan"), float("inf")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, epsilon: float) -> None:
    with pytest.raises(ValueError, match=rf"`adversarial_epsilon`={epsilon} must be a finite number above 0"):
        arguments(tmp_path, adversarial_epsilon=epsilon)


def test_models_that_have_no_table_or_carry_their_state_are_refused(tmp_path: Path) -> None:
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_size": 5}
    with pytest.raises(ValueError, match=r"`adversarial_epsilon` must be absent for a GruForCausalLM, which carries"):
        trainer(GruForCausalLM(GruConfig(**sizes)), tmp_path, adversarial_epsilon=0.1)
    one_hot = GruConfig(vocab_size=VOCABULARY, one_hot_input=True, hidden_size=5)
    with pytest.raises(ValueError, match=r"a GruForSequenceClassification that has no table of embeddings"):
        trainer(GruForSequenceClassification(one_hot), tmp_path, adversarial_epsilon=0.1)
