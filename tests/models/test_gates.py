"""What LSTM and GRU start from, and their activation: held to the papers and to equations in numpy."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from hf_rnn import (
    BiLstmConfig,
    ElmanConfig,
    GruConfig,
    GruModel,
    LstmConfig,
    LstmModel,
    RecurrentCache,
)
from hf_rnn.export.graph_models import build_graph, build_graphs
from hf_rnn.tasks.language_model_init import classifier_overrides_from
from tests.models.common import assert_close, batch_of, build, build_language_model, forced_path, sentences
from tests.models.seq2seq import build_seq2seq


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "linear": lambda x: x,
}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gates_of(model, layer: int = 0) -> list[np.ndarray]:
    """The biases of the gates of a layer's forward direction, each (units), both vectors together."""
    cell = model.layers[layer].cell
    both = cell.bias_ih_l0 + cell.bias_hh_l0
    return [gate.detach().numpy() for gate in both.chunk(cell.num_gates)]


@pytest.mark.parametrize(("config", "family"), [(LstmConfig, LstmModel), (GruConfig, GruModel)])
def test_the_gate_that_keeps_the_state_has_the_bias(config, family):
    default = 1.0 if config is LstmConfig else 0.0
    for values, wanted in (({}, default), ({"gate_bias": -2.5}, -2.5), ({"gate_bias": 3}, 3.0)):
        gates = gates_of(family(config(vocab_size=9, hidden_size=4, **values)))
        assert [float(abs(gate).max()) for gate in (gates[0], *gates[2:])] == [0.0] * (len(gates) - 1)
        assert gates[1].tolist() == [wanted] * 4


def test_a_high_bias_keeps_the_state_of_a_gru():
    """The sign: h = (1 − z) n + z h, so that with a bias of 30 a state passes over any steps unchanged."""
    model = GruModel(GruConfig(vocab_size=9, hidden_size=4, gate_bias=30)).eval()
    start = RecurrentCache([(torch.full((1, 1, 4), 0.7),)])
    end = model(torch.tensor([[1, 5, 7]]), cache=start, use_cache=True).cache
    assert (end.states[0][0] - 0.7).abs().max() < 1e-6


@pytest.mark.parametrize(("config", "family"), [(LstmConfig, LstmModel), (GruConfig, GruModel)])
def test_chrono_biases_are_those_of_the_paper(config, family):
    """Tallec & Ollivier 2018: b = log(T − 1) with T even over the time scales; of an LSTM's input gate −b."""
    torch.manual_seed(0)
    model = family(config(vocab_size=9, hidden_size=300, chrono_time_scales=[2, 50]))
    gates = gates_of(model)
    scales = np.exp(gates[1]) + 1
    assert 2 <= scales.min() + 1e-5 < 3 and 49 < scales.max() <= 50.001
    assert np.histogram(scales, bins=4, range=(1.99, 50.01))[0] / 300 == pytest.approx([0.25] * 4, abs=0.1)
    # σ(b) = 1 − 1/T: what a unit keeps in a step.
    np.testing.assert_allclose(sigmoid(gates[1]), 1 - 1 / scales, rtol=1e-5)
    others = gates[2:] if family is LstmModel else [gates[0], gates[2]]
    assert not np.any(others)
    if family is LstmModel:
        assert np.array_equal(gates[0], -gates[1])


def test_directions_and_layers_draw_time_scales_of_their_own():
    model = AutoModel.from_config(BiLstmConfig(vocab_size=9, hidden_sizes=[6, 6], chrono_time_scales=[2, 9]))
    names = ("bias_ih_l0", "bias_ih_l0_reverse")
    drawn = [layer.cell.get_parameter(name) for layer in model.layers for name in names]
    assert len({tuple(bias.tolist()) for bias in drawn}) == 4


@pytest.mark.parametrize(
    ("config", "arguments", "message"),
    [
        (LstmConfig, {"gate_bias": float("nan")}, "`gate_bias` is nan; it must be a finite number"),
        (GruConfig, {"gate_bias": float("inf")}, "`gate_bias` is inf"),
        (GruConfig, {"chrono_time_scales": [1, 50]}, r"`chrono_time_scales` is \[1, 50\]; .*the shortest above 1"),
        (LstmConfig, {"chrono_time_scales": [50, 2]}, r"`chrono_time_scales` is \[50, 2\]"),
        (LstmConfig, {"chrono_time_scales": [2]}, r"`chrono_time_scales` is \[2\]; it must be two"),
        (LstmConfig, {"activation": "swish"}, "swish"),
        (ElmanConfig, {"gate_bias": 1.0}, "`gate_bias` .* is not an argument of ElmanConfig"),
        (
            LstmConfig,
            {"pooling": "flatten"},
            "`pooling` is 'flatten', .*one fixed length.*nearest to it is 'attention'",
        ),
    ],
)
def test_what_cannot_be_is_refused(config, arguments, message):
    with pytest.raises((ValueError, StrictDataclassError), match=f"(?s){message}"):
        config(**arguments)


def test_it_is_saved_and_loaded(tmp_path):
    values = {"gate_bias": 2.5, "chrono_time_scales": [2, 20], "activation": "relu"}
    AutoModelForSequenceClassification.from_config(GruConfig(vocab_size=9, **values)).save_pretrained(tmp_path)
    found = AutoConfig.from_pretrained(tmp_path)
    assert {name: getattr(found, name) for name in values} == values


def test_a_checkpoint_of_before_keeps_its_weights(tmp_path):
    """A config.json without these fields is of 0.1.0: they matter to new weights alone."""
    model = build("gru").float()
    model.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    for name in ("gate_bias", "chrono_time_scales", "activation"):
        del written[name]
    (tmp_path / "config.json").write_text(json.dumps(written))
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_language_models_that_started_otherwise_make_one_classifier():
    forward, backward = build_language_model("lstm", gate_bias=3), build_language_model("lstm")
    assert "gate_bias" not in classifier_overrides_from(forward, backward)
    with pytest.raises(ValueError, match="`backward` has `activation` 'tanh'; it must be that of `forward`, 'relu'"):
        classifier_overrides_from(build_language_model("lstm", activation="relu"), backward)


def by_numpy(cell, inputs: np.ndarray, reset_after: bool = True) -> np.ndarray:
    """The outputs (time, units) of an LSTM or GRU of one direction for (time, features)."""
    w_x, w_h, b_x, b_h = (weight.detach().numpy() for weight in cell.weights(0))
    apply, units = ACTIVATIONS[cell.activation_name], cell.hidden_size
    h, c, outputs = np.zeros(units), np.zeros(units), []
    for x in inputs:
        from_x, from_h = np.split(w_x @ x + b_x, cell.num_gates), np.split(w_h @ h + b_h, cell.num_gates)
        if cell.num_gates == 4:
            i, f, g, o = (a + b for a, b in zip(from_x, from_h, strict=True))
            c = sigmoid(f) * c + sigmoid(i) * apply(g)
            h = sigmoid(o) * apply(c)
        else:
            r, z = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
            recurrent = r * from_h[2] if reset_after else np.split(w_h, 3)[2] @ (r * h) + np.split(b_h, 3)[2]
            h = (1 - z) * apply(from_x[2] + recurrent) + z * h
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize("path", ["compiled", "fused", "reference", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("variant", ["lstm", "gru", "gru-reset-before"])
def test_the_activation_is_computed_whatever_path_is_asked_for(variant, activation, path):
    model = build(variant, head=False, activation=activation)
    texts = sentences([3, 7, 1])
    batch, places = batch_of(texts, "holes")
    with torch.no_grad():
        if path is None:
            found = model(**batch).last_hidden_state
        else:
            with forced_path(path):
                found = model(**batch).last_hidden_state
    table = model.get_input_embeddings().weight.detach()
    for row, (text, place) in enumerate(zip(texts, places, strict=True)):
        wanted = by_numpy(model.layers[0].cell, table[text].numpy(), variant == "gru")
        assert_close(found[row, place], torch.from_numpy(wanted))


@pytest.mark.parametrize("variant", ["lstm", "gru"])
def test_an_export_refuses_what_it_would_not_compute(variant):
    model = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(variant, vocab_size=9, activation="relu")
    )
    with pytest.raises(ValueError, match="layers with `activation`='relu'; a graph is written for 'tanh' alone"):
        build_graph(model.eval())


def test_an_export_of_a_writer_refuses_it_too():
    with pytest.raises(ValueError, match="layers with `activation`='relu'"):
        build_graphs(build_seq2seq("gru", decoder={"activation": "relu"}).float())
