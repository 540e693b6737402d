"""`weight_dropout`: which recurrent weights are dropped, what that does to outputs and gradients, on every path."""

from __future__ import annotations

import warnings

import pytest
import torch

from hf_rnn.models.paths import PATHS
from hf_rnn.models.recurrent import RecurrentLayer
from hf_rnn.models.steps import Steps
from tests.models.common import (
    LAYOUTS,
    LENGTHS,
    WITH_W_H,
    alone,
    assert_close,
    batch_of,
    build,
    build_language_model,
    configure,
    forced_path,
    sentences,
)


FEATURES, UNITS, PROBABILITY = 5, 9, 0.4


def make_layer(variant: str, units: int = UNITS, **options) -> RecurrentLayer:
    torch.manual_seed(0)
    layer = RecurrentLayer(configure(variant, embedding_size=FEATURES, hidden_size=units, **options), 0).double()
    for parameter in layer.parameters():
        parameter.data.normal_(std=0.5)
    return layer


def recurrent_weights(layer: RecurrentLayer) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in layer.named_parameters() if "weight_hh" in name}


def draw(layer: RecurrentLayer, seed: int = 7) -> list[list[torch.Tensor]]:
    """The weights that the next pass over the layer with this seed is computed from."""
    torch.manual_seed(seed)
    return [layer.cell.drawn_weights(direction) for direction in range(layer.num_directions)]


def results(layer, inputs, steps, state) -> dict[str, torch.Tensor]:
    """Outputs, final state and every gradient of one pass with the seed of `draw`."""
    inputs = inputs.clone().requires_grad_()
    layer.zero_grad()
    torch.manual_seed(7)
    outputs, h_n, final = layer.read(inputs, steps, state, True)
    generator = torch.Generator().manual_seed(5)
    weighted = [part * torch.randn(part.shape, dtype=part.dtype, generator=generator) for part in (outputs, *final)]
    sum(part.sum() for part in weighted).backward()
    found = {"outputs": outputs, "h_n": h_n, "inputs": inputs.grad}
    found |= {f"final {index}": part for index, part in enumerate(final)}
    found |= {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {name: value.detach().clone() for name, value in found.items()}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("variant", WITH_W_H)
def test_a_pass_is_that_of_a_layer_of_the_dropped_weights(variant, bidirectional, path):
    if variant == "bilstm" and not bidirectional:
        pytest.skip("a BiLSTM reads in both directions")
    layer = make_layer(variant, bidirectional=bidirectional, weight_dropout=PROBABILITY).train()
    by_hand = make_layer(variant, bidirectional=bidirectional).train()
    drawn = draw(layer)
    for direction, weight in enumerate(recurrent_weights(by_hand).values()):
        weight.data.copy_(drawn[direction][1])
    shape = (len(LENGTHS), layer.num_directions, UNITS)
    state = tuple(torch.randn(shape, dtype=torch.float64) for _ in range(layer.cell.num_states))
    for layout in LAYOUTS:
        mask = batch_of(sentences(), layout)[0]["attention_mask"]
        inputs = torch.randn(*mask.shape, FEATURES, dtype=torch.float64)
        with forced_path(path):
            actual = results(layer, inputs, Steps.of(mask, layer.num_directions), state)
            expected = results(by_hand, inputs, Steps.of(mask, layer.num_directions), state)
        for name, weight in recurrent_weights(layer).items():
            kept = drawn[name.endswith("_reverse")][1] != 0
            assert 0 < kept.sum() < kept.numel()
            # Of a dropped weight the gradient is exactly zero.
            assert not actual[name][~kept].any() and weight[~kept].all()
            expected[name] = expected[name] * kept / (1 - PROBABILITY)
        for name, value in expected.items():
            assert_close(actual[name], value, f"{layout}, {name}")


@pytest.mark.parametrize("probability", [0.2, 0.5])
@pytest.mark.parametrize("variant", ["lstm", "gru", "jordan"])
def test_which_weights_are_dropped(variant, probability):
    layer = make_layer(variant, units=60, bidirectional=True, weight_dropout=probability).train()
    masks = []
    for direction, drawn in enumerate(draw(layer)):
        own = layer.cell.weights(direction)
        assert all(one is other for index, (one, other) in enumerate(zip(drawn, own, strict=True)) if index != 1)
        kept = drawn[1] != 0
        assert torch.allclose(drawn[1][kept], own[1][kept] / (1 - probability), rtol=1e-14)
        masks += kept.chunk(layer.cell.num_gates)
    # Each gate of each direction has a mask of its own: 3,600 draws, a standard error of 0.0083 at most.
    for index, mask in enumerate(masks):
        assert mask.double().mean().item() == pytest.approx(1 - probability, abs=0.04)
        assert not any(torch.equal(mask, other) for other in masks[:index])


def test_the_mean_over_many_masks_is_the_weight():
    layer = make_layer("gru", weight_dropout=0.5).train()
    weight = layer.cell.weight_hh_l0
    torch.manual_seed(0)
    mean = sum(layer.cell.drawn_weights(0)[1] for _ in range(2000)) / 2000
    # Each draw is 0 or 2 w: a standard error of |w| / sqrt(2000) = 0.022 |w|, over 243 weights.
    assert ((mean - weight) / weight).abs().max() < 0.1
    assert ((mean - weight) / weight).mean().abs() < 0.01


def test_one_mask_for_all_sequences_and_another_for_the_next_pass():
    model = build_language_model("lstm", weight_dropout=0.5).train()
    (text,) = sentences([6])
    with torch.no_grad():
        first, second = (model(text.repeat(4, 1)).logits for _ in range(2))
    assert_close(first, first[:1].expand_as(first))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("path", PATHS)
def test_none_in_eval_mode(path):
    model, plain = (build("bilstm", num_hidden_layers=2, weight_dropout=p) for p in (0.5, 0))
    assert list(model.state_dict()) == list(plain.state_dict())
    with forced_path(path):
        assert torch.equal(model(**alone(sentences([5])[0])).logits, plain(**alone(sentences([5])[0])).logits)
    cell = model.model.layers[0].cell
    assert cell.drawn_weights(1)[1] is cell.weight_hh_l0_reverse


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("variant", WITH_W_H)
def test_checkpointing_recomputes_with_the_same_mask(variant, path):
    batch, _ = batch_of(sentences(), "left")
    found = []
    for checkpointing in (False, True):
        model = build(variant, num_hidden_layers=2, dropout=0.3, weight_dropout=0.5).train()
        if checkpointing:
            model.activation_checkpointing_enable()
        torch.manual_seed(3)
        with forced_path(path):
            model(**batch, labels=torch.tensor([0, 1, 2, 0, 1, 2])).loss.backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in found[0].items():
        assert_close(found[1][name], gradient, name)


@pytest.mark.parametrize("path", PATHS)
def test_kernels_take_dropped_weights_without_a_warning(path):
    model = build_language_model("lstm", weight_dropout=0.5).float().train()
    batch, _ = batch_of(sentences(), "right")
    with warnings.catch_warnings(), forced_path(path):
        warnings.simplefilter("error")
        model(**batch, labels=batch["input_ids"], use_cache=True).loss.backward()
    # Some of the recurrent weights are dropped, and the others learn.
    gradient = model.model.layers[0].cell.weight_hh_l0.grad
    assert (gradient == 0).any() and (gradient != 0).any()
