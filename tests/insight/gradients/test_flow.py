"""Gradient flow: held to the chain rule by hand and to finite differences; and that it leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

import hf_rnn
from hf_rnn.data.synthetic.first_token import NUM_CLASSES, VOCAB_SIZE, first_token_examples
from hf_rnn.insight import gradient_flow
from hf_rnn.models.paths import recurrent_path
from tests.models.common import build, build_language_model, build_tagger, configure


IDS = torch.tensor([[3, 5, 7, 9], [4, 6, 0, 0], [0, 8, 2, 11]])
MASK = (IDS != 0).long()


def classification() -> dict[str, torch.Tensor]:
    return {"input_ids": IDS, "labels": torch.tensor([0, 2, 1])}


def tagging() -> dict[str, torch.Tensor]:
    return {"input_ids": IDS, "labels": (IDS % 4).masked_fill(MASK == 0, -100)}


def language() -> dict[str, torch.Tensor]:
    return {"input_ids": IDS, "labels": IDS.masked_fill(MASK == 0, -100)}


def test_an_elman_network_by_hand() -> None:
    """∂L/∂h_t = what step t's own loss says + W_hᵀ diag(1 − h²_{t+1}) ∂L/∂h_{t+1}, without autograd."""
    model = build_tagger("elman-tanh", "softmax", words=False)
    ids, labels = torch.tensor([[3, 5, 7, 9, 1]]), torch.tensor([[0, 3, 1, 2, 1]])
    cell, out = model.model.layers[0].cell, model.head.classifier.output
    with torch.no_grad():
        w_h, bias = cell.weight_hh_l0, cell.bias_ih_l0 + cell.bias_hh_l0
        h, states = torch.zeros(4).double(), []
        for x in model.model.embeddings.word_embeddings.weight[ids[0]]:
            h = torch.tanh(cell.weight_ih_l0 @ x + bias + w_h @ h)
            states.append(h)
        after, expected = torch.zeros(4).double(), []
        for h, label in zip(reversed(states), labels[0].flip(0), strict=True):
            wrong = torch.softmax(out.weight @ h + out.bias, 0) - nn.functional.one_hot(label, 4)
            delta = out.weight.T @ wrong / 5 + after
            expected.insert(0, delta.norm())
            after = w_h.T @ ((1 - h**2) * delta)
    flow = gradient_flow(model, {"input_ids": ids, "labels": labels})
    assert flow.cell is None
    torch.testing.assert_close(flow.hidden, torch.stack(expected).view(1, 1, 1, 5))


def numerical_norms(
    model: nn.Module, batch: dict[str, torch.Tensor], layer: int, direction: int, part: int
) -> torch.Tensor:
    """‖∂L/∂h_t‖ (batch, time) by central differences: the state after a step is moved, and the loss computed anew."""
    cell, count, epsilon = model.model.layers[layer].cell, 0, 1e-5

    def loss(step: int | None, row: int = 0, unit: int = 0, by: float = 0.0) -> float:
        nonlocal count
        count = 0

        def move(module: nn.Module, arguments: tuple[Any, ...], state: tuple[torch.Tensor, ...]) -> Any:
            nonlocal count
            if arguments[1] != direction:
                return None
            count += 1
            if count - 1 != step:
                return None
            moved = [one.clone() for one in state]
            moved[part][row, unit] += by
            if part == 1:
                # c_t is read through h_t = o_t ∗ tanh(c_t), too.
                moved[0] = state[0] / torch.tanh(state[1]) * torch.tanh(moved[1])
            return tuple(moved)

        handle = cell.one_step.register_forward_hook(move)
        with torch.no_grad(), recurrent_path("reference"):
            value = model(**batch).loss.item()
        handle.remove()
        return value

    loss(None)
    time, units = count, cell.hidden_size
    gradient = torch.zeros(len(batch["input_ids"]), time, units, dtype=torch.float64)
    for row, step, unit in torch.cartesian_prod(*map(torch.arange, gradient.shape)).tolist():
        change = loss(step, row, unit, epsilon) - loss(step, row, unit, -epsilon)
        # A backward direction reads the last step first.
        gradient[row, time - 1 - step if direction else step, unit] = change / (2 * epsilon)
    return gradient.norm(dim=2)


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], dict[str, torch.Tensor]]]] = {
    "bilstm of two layers": (lambda: build("bilstm", hidden_sizes=[3, 2], pooling="mean_max"), classification),
    "gru": (lambda: build("gru"), classification),
    "gru-reset-before": (lambda: build("gru-reset-before", pooling="attention"), classification),
    "bidirectional elman, summed": (
        lambda: build("elman-relu", bidirectional=True, merge="sum", hidden_size=3),
        classification,
    ),
    "jordan": (lambda: build("jordan", pooling="max"), classification),
    "tagger with a CRF": (lambda: build_tagger("bilstm", "crf", words=False, hidden_size=2), tagging),
    "language model": (lambda: build_language_model("lstm"), language),
}


@pytest.mark.parametrize("name", CASES)
def test_finite_differences_agree(name: str) -> None:
    build_model, make_batch = CASES[name]
    model, batch = build_model(), make_batch()
    flow = gradient_flow(model, batch)
    num_layers, num_directions = len(model.config.layer_sizes), model.config.num_directions
    assert flow.hidden.shape == (num_layers, num_directions, *IDS.shape)
    assert (flow.cell is not None) == ("lstm" in model.config.model_type)
    parts = [flow.hidden] if flow.cell is None else [flow.hidden, flow.cell]
    for part, norms in enumerate(parts):
        for layer in range(num_layers):
            for direction in range(num_directions):
                expected = numerical_norms(model, batch, layer, direction, part)
                # What is said of padding has no effect: there is no step.
                assert (expected[MASK == 0] == 0).all()
                expected[MASK == 0] = torch.nan
                torch.testing.assert_close(norms[layer, direction], expected, atol=1e-8, rtol=1e-5, equal_nan=True)


def test_the_steps_of_a_model_of_words_are_words() -> None:
    model = build_tagger("bilstm", "crf")
    # Odd tokens begin a word: two words in the first text, one in the second.
    batch = {"input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 2, 0]])}
    batch["labels"] = torch.tensor([[0, -100, 1, -100], [2, -100, -100, -100]])
    flow = gradient_flow(model, batch)
    assert flow.hidden.isnan().tolist() == [[[[False, False], [False, True]]] * 2]


def test_means_are_over_the_sequences_that_have_the_step() -> None:
    flow = gradient_flow(build("lstm"), classification())
    first, second, third = flow.hidden[0, 0]
    expected = torch.stack(
        [(first[0] + second[0]) / 2, (first[1] + second[1] + third[1]) / 3, *((first + third) / 2)[2:]]
    )
    torch.testing.assert_close(flow.hidden_mean[0, 0], expected)
    torch.testing.assert_close(flow.cell_mean, flow.cell.nanmean(2))


def test_the_parameters_norm_is_that_before_clipping() -> None:
    model, batch = build("gru"), classification()
    flow = gradient_flow(model, batch)
    loss = model(**batch).loss
    loss.backward()
    assert flow.loss == pytest.approx(loss.item())
    assert set(flow.parameters) == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        assert flow.parameters[name] == pytest.approx(parameter.grad.norm().item()), name
    clipped = torch.nn.utils.clip_grad_norm_(model.parameters(), flow.total_norm / 3)
    assert flow.total_norm == pytest.approx(clipped.item())


def test_no_trace_is_left() -> None:
    model, batch = build("lstm", dropout=0.5, embedding_dropout=0.5, num_hidden_layers=2), classification()
    expected = gradient_flow(model, batch).hidden
    model.train()
    model.classifier.eval()
    gradient = torch.ones_like(model.classifier.output.weight)
    model.classifier.output.weight.grad = gradient
    modes = [module.training for module in model.modules()]
    before = torch.get_rng_state()
    with torch.no_grad():
        found = gradient_flow(model, batch).hidden
    # Neither mode nor `no_grad` of the caller count, and it is without dropout.
    assert torch.equal(found[~found.isnan()], expected[~expected.isnan()])
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert model.classifier.output.weight.grad is gradient and (gradient == 1).all()
    assert all(p.grad is None for p in model.parameters() if p is not model.classifier.output.weight)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.layers.modules())


def test_modes_and_hooks_are_restored_after_an_error() -> None:
    model = build("lstm").train()
    with pytest.raises(ValueError):
        gradient_flow(model, {"input_ids": IDS, "labels": torch.tensor([0, 1])})
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.layers.modules())


def test_frozen_parameters_do_not_stop_the_flow() -> None:
    model, batch = build("gru"), classification()
    expected = gradient_flow(model, batch)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    frozen = gradient_flow(model, batch)
    torch.testing.assert_close(frozen.hidden, expected.hidden, equal_nan=True)
    assert (frozen.parameters, frozen.total_norm) == ({}, 0.0)


def test_a_vanished_gradient_is_not_rounded_to_zero() -> None:
    """Each step back multiplies by 10⁻³; the square of 10⁻³⁰ is no number of single precision."""
    model = build("elman-tanh").float()
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.zero_()
        model.model.layers[0].cell.weight_hh_l0.copy_(1e-3 * torch.eye(4))
    norms = gradient_flow(model, {"input_ids": torch.ones(1, 11).long(), "labels": torch.tensor([1])}).hidden_mean
    torch.testing.assert_close(norms[0, 0, 0] / norms[0, 0, 10], torch.tensor(1e-30).double(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("seed", range(3))
def test_an_lstm_remembers_what_an_elman_network_forgets(seed: int) -> None:
    """The LSTM alone has a gradient at the first of 100 steps, on the task that needs it."""
    batch = first_token_examples(16, 100).with_format("torch")[:]
    reached = {}
    for model_type in ("elman-tanh", "lstm"):
        torch.manual_seed(seed)
        config = configure(model_type, vocab_size=VOCAB_SIZE, num_labels=NUM_CLASSES, hidden_size=32)
        norms = gradient_flow(AutoModelForSequenceClassification.from_config(config), batch).hidden_mean[0, 0]
        reached[model_type] = norms
    assert reached["lstm"][0] > 10 * reached["elman-tanh"][0] > 0
    # Not because its loss is louder: at the last step it is no larger.
    assert reached["lstm"][-1] < 2 * reached["elman-tanh"][-1]


class ReadTwice(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.inner = model

    def forward(self, **batch: torch.Tensor) -> Any:
        self.inner(**batch)
        return self.inner(**batch)


@pytest.mark.parametrize(
    ("model", "batch", "message"),
    [
        (lambda: build("lstm"), {"input_ids": IDS}, "`batch` must hold `labels`.*it holds input_ids"),
        (lambda: build("lstm"), {"input_ids": IDS, "labels": None}, "`batch` must hold `labels`"),
        (lambda: build("lstm"), {"input_ids": IDS[:, :0], "labels": torch.tensor([0, 1, 2])}, "`batch` has no step"),
        (lambda: build("lstm", head=False), classification(), "`model` is a LstmModel; it must be .* with a head"),
        (lambda: nn.Linear(2, 2), classification(), "`model` is a Linear"),
        (lambda: build("dan"), classification(), "DanForSequenceClassification, which has no recurrence"),
        (lambda: ReadTwice(build("gru")), classification(), "`model` reads the batch in 2 goes"),
    ],
)
def test_bad_input(model: Callable[[], nn.Module], batch: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gradient_flow(model(), batch)


def test_the_package_offers_the_function() -> None:
    assert hf_rnn.training.gradient_flow is gradient_flow
    with pytest.raises(AttributeError, match="module 'hf_rnn.training' has no attribute 'gradient_flaw'"):
        _ = hf_rnn.training.gradient_flaw
