"""A layer of PyTorch and the backbone made of it compute the same, both ways; what cannot be, is named."""

from __future__ import annotations

import doctest
import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoModel

import hf_rnn
from hf_rnn import from_torch, to_torch


KINDS: dict[str, tuple[type[nn.RNNBase], dict[str, Any]]] = {
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
    "tanh": (nn.RNN, {}),
    "relu": (nn.RNN, {"nonlinearity": "relu"}),
}
LENGTHS = torch.tensor([6, 2, 4])


def layer_of(kind: str, **options: Any) -> nn.RNNBase:
    torch.manual_seed(0)
    layer, own = KINDS[kind]
    return layer(5, 4, **{"batch_first": True, **own, **options})


def inputs_and_mask(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(3, 6, 5, dtype=dtype), torch.arange(6) < LENGTHS.unsqueeze(1)


def packed(layer: nn.RNNBase, inputs: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """What torch makes of sequences of `LENGTHS`, zero at the padding."""
    rows = pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, state = layer(rows)
    return pad_packed_sequence(outputs, batch_first=True, total_length=inputs.shape[1])[0], state


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("num_layers", "bidirectional", "bias"), list(itertools.product((1, 3), (0, 1), (0, 1))))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_outputs_and_states_are_equal_under_padding(
    kind: str, num_layers: int, bidirectional: int, bias: int, dtype: torch.dtype
) -> None:
    layer = layer_of(kind, num_layers=num_layers, bidirectional=bool(bidirectional), bias=bool(bias)).to(dtype)
    inputs, mask = inputs_and_mask(dtype)
    expected, state = packed(layer, inputs)
    near = {"rtol": 0, "atol": 1e-6 if dtype == torch.float32 else 1e-12}
    nonlinearity = layer.nonlinearity if isinstance(layer, nn.RNN) else None
    for model in (from_torch(layer), from_torch(layer.state_dict(), nonlinearity=nonlinearity)):
        assert type(model).__name__.endswith("Model") and not model.training and model.dtype == dtype
        with torch.no_grad():
            found = model(inputs_embeds=inputs, attention_mask=mask, use_cache=True)
        torch.testing.assert_close(found.last_hidden_state, expected, **near)
        h, c = state if kind == "lstm" else (state, None)
        torch.testing.assert_close(torch.cat(found.cache.h_n), h, **near)
        if c is not None:
            torch.testing.assert_close(torch.cat(found.cache.c_n), c, **near)
        back = to_torch(model)
        assert type(back) is type(layer) and back.batch_first
        torch.testing.assert_close(packed(back, inputs)[0], expected, **near)


def test_families_and_settings() -> None:
    names = {type(from_torch(layer_of(kind, bidirectional=both))).__name__ for kind in KINDS for both in (False, True)}
    assert names == {"LstmModel", "BiLstmModel", "GruModel", "ElmanModel"}
    config = from_torch(layer_of("lstm", num_layers=2, dropout=0.25)).config
    assert (config.dropout, config.locked_dropout, config.vocab_size, config.embedding_size) == (0.25, False, None, 5)


def test_batch_first_plays_no_part() -> None:
    inputs, _ = inputs_and_mask()
    layer = layer_of("gru", batch_first=False)
    found = from_torch(layer)(inputs_embeds=inputs).last_hidden_state
    torch.testing.assert_close(found, layer(inputs.transpose(0, 1))[0].transpose(0, 1))


def test_dropout_of_training_is_that_of_torch() -> None:
    """Ones through an identity: each feature is zero or scaled by 1 / (1 - p), afresh at each step."""
    layer = nn.RNN(3, 3, num_layers=2, nonlinearity="relu", bias=False, batch_first=True, dropout=0.5)
    for name, weight in layer.named_parameters():
        nn.init.zeros_(weight) if "hh" in name else nn.init.eye_(weight)
    model = from_torch(layer).train()
    torch.manual_seed(0)
    found = model(inputs_embeds=torch.ones(4, 50, 3)).last_hidden_state
    assert set(found.unique().tolist()) == {0.0, 2.0}
    assert 0.4 < (found == 0).float().mean() < 0.6
    assert (found.std(dim=1) > 0).all()


def test_a_state_dict_of_a_whole_model_is_read_at_its_prefix(tmp_path: Path) -> None:
    whole = nn.ModuleDict(
        {"words": nn.Embedding(9, 5), "lstm": layer_of("lstm", num_layers=2), "out": nn.Linear(4, 2)}
    )
    torch.save(whole.state_dict(), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    model = from_torch(state, prefix="lstm.")
    model.save_pretrained(tmp_path / "here")
    inputs, _ = inputs_and_mask()
    expected = whole["lstm"](inputs)[0]
    found = AutoModel.from_pretrained(tmp_path / "here")(inputs_embeds=inputs).last_hidden_state
    torch.testing.assert_close(found, expected)
    with pytest.raises(ValueError, match=r"`source` has `words.weight`.*found at `prefix`='lstm\.'"):
        from_torch(state)
    with pytest.raises(ValueError, match="nothing that begins with 'gru.'"):
        from_torch(state, prefix="gru.")


def test_the_weights_are_copies() -> None:
    layer = layer_of("lstm")
    model = from_torch(layer)
    back = to_torch(model)
    with torch.no_grad():
        layer.weight_hh_l0.zero_()
        model.layers[0].cell.bias_hh_l0.fill_(3)
    assert model.layers[0].cell.weight_hh_l0.abs().sum() > 0
    assert (back.bias_hh_l0 != 3).all()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (layer_of("lstm", proj_size=2), {}, "`proj_size` of the layer is 2; it must be 0"),
        (layer_of("lstm", proj_size=2).state_dict(), {}, "`weight_hr_l0`, the weight of a `proj_size`"),
        (nn.Linear(2, 2), {}, "`source` is a Linear; it must be an nn.LSTM"),
        (nn.LSTMCell(2, 2), {}, "`source` is a LSTMCell"),
        ("model.pt", {}, "`source` is a str; it must be an nn.LSTM"),
        (layer_of("gru"), {"prefix": "gru."}, "`prefix` is 'gru.'; with a layer"),
        (
            layer_of("gru").state_dict(),
            {"nonlinearity": "tanh"},
            "`nonlinearity` is 'tanh'.*nn.GRU it must be left out",
        ),
        (layer_of("tanh").state_dict(), {}, "`nonlinearity` is None.*'tanh' or 'relu'"),
        (layer_of("tanh").state_dict(), {"nonlinearity": "gelu"}, "`nonlinearity` is 'gelu'"),
        ({"weight_hh_l0": torch.zeros(8, 3), "weight_ih_l0": torch.zeros(8, 2)}, {}, r"shape \(8, 3\).*4, 3 or 1"),
        ({"weight_hh_l0": torch.zeros(8, 2)}, {}, "lacks `weight_ih_l0`"),
        (
            {
                name: value
                for name, value in layer_of("gru", num_layers=2).state_dict().items()
                if name != "bias_hh_l1"
            },
            {},
            r"`bias_hh_l1` of `source` has shape None.*must be \(12,\)",
        ),
        (nn.utils.parametrizations.weight_norm(layer_of("gru"), "weight_hh_l0"), {}, "has `parametrizations"),
    ],
)
def test_what_cannot_be_taken_over_is_named(source: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_torch(source, **options)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            hf_rnn.LstmConfig(hidden_sizes=[4, 5]),
            r"`hidden_sizes` of the configuration is \[4, 5\].*must have \[4, 4\]",
        ),
        (hf_rnn.BiLstmConfig(merge="sum"), "`merge` of the configuration is 'sum'.*must have 'concat'"),
        (hf_rnn.GruConfig(reset_after=False), "`reset_after` of the configuration is False"),
        (hf_rnn.ElmanConfig(recurrence="output_to_hidden"), "`recurrence` of the configuration is 'output_to_hidden'"),
        (hf_rnn.DanConfig(), "`model` is of the family 'dan'"),
    ],
)
def test_what_torch_has_no_layer_for_is_named(config: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_torch(AutoModel.from_config(config))


def test_a_classifier_gives_the_layers_of_its_backbone(caplog: pytest.LogCaptureFixture) -> None:
    config = hf_rnn.BiLstmConfig(
        vocab_size=20, embedding_size=5, hidden_size=4, num_hidden_layers=2, dropout=0.3, weight_dropout=0.2
    )
    model = hf_rnn.BiLstmForSequenceClassification(config).eval()
    with caplog.at_level(logging.WARNING, logger="hf_rnn"):
        layer = to_torch(model)
    assert "torch has no `weight_dropout`=0.2 and no `locked_dropout`=True" in caplog.text
    assert layer.dropout == 0.3 and not layer.training
    ids = torch.tensor([[4, 7, 2, 9]])
    expected = model.model(ids).last_hidden_state
    torch.testing.assert_close(layer(model.get_input_embeddings()(ids))[0], expected)
    with pytest.raises(ValueError, match="`model` is a SiameseModel; it must be a model of one text"):
        to_torch(hf_rnn.SiameseModel(hf_rnn.SiameseConfig(encoder={"model_type": "lstm"})))


def test_the_examples_of_the_docstrings_are_right() -> None:
    names = {"hf_rnn": hf_rnn, "torch": torch}
    for function in (from_torch, to_torch):
        (examples,) = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs=names)
        assert examples.examples
        assert doctest.DocTestRunner().run(examples).failed == 0
