"""Gates and states: the equations by hand, the fast path, and that nothing of the model changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hf_rnn.insight.states import gate_activations
from hf_rnn.insight.steps import NotApplicableError
from hf_rnn.models.modeling_siamese import SiameseModel
from tests.insight.small import TEXT, tokenizer
from tests.models.common import RECURRENT, build, build_language_model, build_tagger, forced_path, shapes_of_stacks


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("path", ["fused", "compiled"])
@pytest.mark.parametrize("variant", RECURRENT)
def test_hidden_and_cell_states_are_those_of_the_fast_path(variant: str, path: str) -> None:
    for options in shapes_of_stacks(variant):
        model = build(variant, head=False, **options)
        found = gate_activations(model, tokenizer(), TEXT)
        ids = tokenizer()(TEXT, return_tensors="pt").input_ids
        with torch.no_grad(), forced_path(path):
            output = model(ids, use_cache=True, output_hidden_states=True)
        directions = model.config.num_directions
        assert len(found.layers) == directions * len(model.config.layer_sizes)
        for number, (h, *c) in enumerate(output.cache.states):
            of_layer = found.layers[directions * number : directions * (number + 1)]
            both = [states.hidden for states in of_layer]
            joined = np.concatenate(both, axis=1) if model.config.merge == "concat" else sum(both)
            np.testing.assert_allclose(joined, output.hidden_states[number + 1][0], atol=1e-10)
            for direction, states in enumerate(of_layer):
                last = -1 if direction == 0 else 0
                assert (states.layer, states.direction) == (number, ("forward", "backward")[direction])
                np.testing.assert_allclose(states.hidden[last], h[0, direction], atol=1e-10)
                assert (states.cell is None) == (not c)
                if c:
                    np.testing.assert_allclose(states.cell[last], c[0][0, direction], atol=1e-10)


@pytest.mark.parametrize("direction", [0, 1])
def test_the_gates_of_an_lstm_by_hand(direction: int) -> None:
    model = build("bilstm", head=False)
    states = gate_activations(model, tokenizer(), TEXT).layers[direction]
    w_x, w_h, b_x, b_h = (weight.detach().numpy() for weight in model.layers[0].cell.weights(direction))
    ids = tokenizer()(TEXT).input_ids
    x = model.embeddings.word_embeddings.weight.detach().numpy()[ids]
    h = c = np.zeros(4)
    order = range(len(ids)) if direction == 0 else reversed(range(len(ids)))
    for t in order:
        i, f, g, o = np.split(w_x @ x[t] + b_x + w_h @ h + b_h, 4)
        gates = {"input": sigmoid(i), "forget": sigmoid(f), "candidate": np.tanh(g), "output": sigmoid(o)}
        c = gates["forget"] * c + gates["input"] * gates["candidate"]
        h = gates["output"] * np.tanh(c)
        assert list(states.gates) == list(gates)
        for name, expected in gates.items():
            np.testing.assert_allclose(states.gates[name][t], expected, atol=1e-12)
        np.testing.assert_allclose(states.cell[t], c, atol=1e-12)
        np.testing.assert_allclose(states.hidden[t], h, atol=1e-12)


@pytest.mark.parametrize("variant", ["gru", "gru-reset-before"])
def test_the_gates_of_a_gru_by_hand(variant: str) -> None:
    model = build(variant, head=False)
    (states,) = gate_activations(model, tokenizer(), TEXT).layers
    w_x, w_h, b_x, b_h = (np.split(weight.detach().numpy(), 3) for weight in model.layers[0].cell.weights(0))
    h = np.zeros(4)
    for t, token in enumerate(tokenizer()(TEXT).input_ids):
        x = model.embeddings.word_embeddings.weight[token].detach().numpy()
        r, z = (sigmoid(w_x[k] @ x + b_x[k] + w_h[k] @ h + b_h[k]) for k in (0, 1))
        fed_back = r * (w_h[2] @ h + b_h[2]) if variant == "gru" else w_h[2] @ (r * h) + b_h[2]
        n = np.tanh(w_x[2] @ x + b_x[2] + fed_back)
        h = (1 - z) * n + z * h
        for name, expected in {"reset": r, "update": z, "candidate": n}.items():
            np.testing.assert_allclose(states.gates[name][t], expected, atol=1e-12)
        np.testing.assert_allclose(states.hidden[t], h, atol=1e-12)


def test_the_hidden_units_of_an_output_fed_network_are_not_its_outputs() -> None:
    (jordan,) = gate_activations(build("jordan"), tokenizer(), TEXT).layers
    (elman,) = gate_activations(build("elman-tanh"), tokenizer(), TEXT).layers
    assert list(jordan.panels) == ["activation", "hidden state"]
    assert list(elman.panels) == ["hidden state"]


def test_the_steps_of_a_model_of_words_are_words() -> None:
    model = build_tagger("bilstm")
    found = gate_activations(model, tokenizer(), TEXT)
    # Of this tagger every other token goes on with a word: a, c, e are such that begin none.
    assert len(found.steps) == len(found.layers[0].hidden) < found.total_tokens == 8
    assert " ".join(found.steps) == TEXT


def test_of_a_siamese_network_the_encoder_is_shown() -> None:
    model = SiameseModel.from_encoder(build("bilstm", head=False))
    found = gate_activations(model, tokenizer(), TEXT)
    np.testing.assert_array_equal(
        found.layers[1].hidden, gate_activations(model.encoder, tokenizer(), TEXT).layers[1].hidden
    )


def test_the_first_tokens_are_read_as_a_text_of_their_own() -> None:
    model = build("bilstm")
    found = gate_activations(model, tokenizer(), TEXT, max_tokens=3)
    assert (found.steps, found.total_tokens) == (("a", "c", "e"), 8)
    np.testing.assert_array_equal(
        found.layers[1].hidden, gate_activations(model, tokenizer(), "a c e").layers[1].hidden
    )


def test_dropout_is_off_and_the_model_is_left_as_it_was() -> None:
    model = build("lstm", dropout=0.5, embedding_dropout=0.5, weight_dropout=0.5, num_hidden_layers=2)
    expected = gate_activations(model, tokenizer(), TEXT).layers[1].hidden
    model.train()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(gate_activations(model, tokenizer(), TEXT).layers[1].hidden, expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for layer in model.model.layers for module in layer.modules())


def test_figures_of_every_layer_and_direction() -> None:
    found = gate_activations(build_language_model("lstm", num_hidden_layers=2), tokenizer(), TEXT)
    figure = found.figure(1, "forward")
    panels = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in panels] == [
        "input gate",
        "forget gate",
        "candidate",
        "output gate",
        "cell state",
        "hidden state",
    ]
    assert [label.get_text() for label in panels[-1].get_xticklabels()] == TEXT.split()
    # The unit that forgets least is on top.
    order = np.argsort(-found.layers[1].gates["forget"].mean(axis=0), kind="stable")
    np.testing.assert_array_equal(panels[-1].images[0].get_array(), found.layers[1].hidden.T[order])
    with pytest.raises(ValueError, match="`layer`=2 and `direction`='forward' must be one of .*0 forward, 1 forward"):
        found.figure(2)


def test_a_network_without_recurrence_has_no_gates() -> None:
    with pytest.raises(NotApplicableError, match="of type .dan., which has no recurrence"):
        gate_activations(build("dan"), tokenizer(), TEXT)
    with pytest.raises(NotApplicableError, match="Linear, which is not one network of hf_rnn"):
        gate_activations(torch.nn.Linear(1, 1), tokenizer(), TEXT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`text`='' has no token"),
        ("  \n", "has no token"),
        (3, "`text` is 3; it must be a string"),
        ("a \ud83d b", "`text`=.* has half of a surrogate pair"),
    ],
)
def test_texts_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gate_activations(build("lstm"), tokenizer(), text)
    with pytest.raises(ValueError, match="`max_tokens`=0 must be at least 1"):
        gate_activations(build("lstm"), tokenizer(), TEXT, max_tokens=0)
