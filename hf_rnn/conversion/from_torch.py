"""Makes a backbone of a layer of PyTorch: `nn.LSTM`, `nn.GRU` or `nn.RNN`, or of their weights alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..models import modeling_rnn
from ..models.backbone import RecurrentModel
from ..models.configuration_rnn import BiLstmConfig, ElmanConfig, GruConfig, LstmConfig, RecurrentConfig


__all__ = ["from_torch"]


# A weight of a layer of torch: its name here, its layer, its direction.
_WEIGHT = re.compile(r"((?:weight|bias)_[ih]h)_l(\d+)(_reverse)?")
_PROJECTION = re.compile(r"weight_hr_l\d+(_reverse)?")
# Blocks of W_h, one a gate → the class of torch that has so many.
_BY_GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}
_LAYERS: dict[str, Any] = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
_NONLINEARITIES = ("tanh", "relu")


@dataclass(frozen=True)
class _Described:
    """What a layer of torch is, read from the layer or from the names and shapes of its weights."""

    kind: str
    input_size: int
    hidden_size: int
    num_layers: int
    bidirectional: bool
    bias: bool
    dropout: float = 0.0
    nonlinearity: str | None = None


def from_torch(
    source: nn.Module | Mapping[str, torch.Tensor], *, prefix: str = "", nonlinearity: str | None = None
) -> RecurrentModel:
    """Make a backbone that computes what `nn.LSTM`, `nn.GRU` or `nn.RNN` computes.

    It reads `inputs_embeds` (batch, time, features), whatever `batch_first` was. What the layer returns is there under
    other names: `output` is `last_hidden_state` (batch, time, directions * units), and with `use_cache=True` the rows
    of `h_n` and `c_n` are `cache.h_n` and `cache.c_n`, (directions, batch, units) for each layer. `dropout` between
    the layers is taken over, with a fresh mask at each step as torch draws it. A layer without biases gets biases of
    zero, which training may change. The weights are copied; the model is in evaluation mode.

    Args:
        source: The layer, or its `state_dict()`, or that of a model which has it.
        prefix: What the names of the weights in a state dict begin with, such as `"lstm."`; default: nothing.
        nonlinearity: `"tanh"` or `"relu"`; a state dict of an `nn.RNN` has it not, and needs it. Default: that of the
            layer.

    Returns:
        A `BiLstmModel`, `LstmModel`, `GruModel` or `ElmanModel`, with the type and on the device of the weights.

    Raises:
        ValueError: for another module, for `proj_size`, and for weights that are no such layer's; the message names
            what cannot be taken over.

    Example:
        >>> layer = torch.nn.GRU(8, 16, num_layers=2, bidirectional=True, batch_first=True)
        >>> model = hf_rnn.from_torch(layer)
        >>> inputs = torch.randn(2, 5, 8)
        >>> bool(torch.allclose(model(inputs_embeds=inputs).last_hidden_state, layer(inputs)[0], atol=1e-6))
        True
    """
    if isinstance(source, nn.Module):
        described, weights = _of_layer(source, prefix, nonlinearity)
    elif isinstance(source, Mapping):
        described, weights = _of_weights(source, prefix, nonlinearity)
    else:
        raise ValueError(f"`source` is a {type(source).__name__}; it must be {_allowed()}.")
    config = _config(described)
    model: Any = getattr(modeling_rnn, f"{type(config).__name__.removesuffix('Config')}Model")(config)
    model.to(dtype=next(iter(weights.values())).dtype, device=next(iter(weights.values())).device)
    if not described.bias:
        # The layer's own zeros: those that its cell would have started from are not all zero.
        zeros = {name: torch.zeros_like(value) for name, value in model.state_dict().items() if "bias" in name}
        weights = zeros | weights
    model.load_state_dict(weights)
    made: RecurrentModel = model.eval()
    return made


def _allowed() -> str:
    return "an nn.LSTM, nn.GRU or nn.RNN, or the state dict of one"


def _of_layer(source: nn.Module, prefix: str, nonlinearity: str | None) -> tuple[_Described, dict[str, torch.Tensor]]:
    kind = next((name for name, layer in _LAYERS.items() if isinstance(source, layer)), None)
    if kind is None or not isinstance(source, nn.RNNBase):
        raise ValueError(
            f"`source` is a {type(source).__name__}; it must be {_allowed()}. Of a model that has one, give that "
            "layer: from_torch(model.lstm)."
        )
    for name, value in (("prefix", prefix), ("nonlinearity", nonlinearity)):
        if value:
            raise ValueError(f"`{name}` is {value!r}; with a layer as `source` it must be left out.")
    if source.proj_size:
        raise ValueError(
            f"`proj_size` of the layer is {source.proj_size}; it must be 0, as no layer here projects its state."
        )
    described = _Described(
        kind,
        source.input_size,
        source.hidden_size,
        source.num_layers,
        source.bidirectional,
        source.bias,
        source.dropout,
        getattr(source, "nonlinearity", None),
    )
    state = source.state_dict()
    weights = {_own_name(name): value for name, value in state.items() if _WEIGHT.fullmatch(name)}
    if len(weights) < len(state):
        unknown = next(name for name in state if not _WEIGHT.fullmatch(name))
        raise ValueError(
            f"The layer has `{unknown}`, which no layer here has: take off what makes its weights "
            "(`remove_parametrizations`, `remove_weight_norm`) before."
        )
    return described, weights


def _of_weights(
    source: Mapping[str, torch.Tensor], prefix: str, nonlinearity: str | None
) -> tuple[_Described, dict[str, torch.Tensor]]:
    found = {name.removeprefix(prefix): value for name, value in source.items() if name.startswith(prefix)}
    for name in found:
        if _PROJECTION.fullmatch(name):
            raise ValueError(
                f"`source` has `{prefix}{name}`, the weight of a `proj_size`, which must be 0: no layer here projects "
                "its state."
            )
    unknown = [name for name in found if not _WEIGHT.fullmatch(name)]
    if unknown or not found:
        layers = sorted({_beginning(name) for name in source} - {None, prefix}, key=str)
        hint = f" Layers are found at `prefix`={', '.join(map(repr, layers))}." if layers else ""
        wrong = f"`{prefix}{unknown[0]}`" if unknown else f"nothing that begins with {prefix!r}"
        raise ValueError(
            f"`source` has {wrong}; with `prefix`={prefix!r} it must be {_allowed()}: weights such as "
            f"`{prefix}weight_ih_l0` and no others.{hint}"
        )
    described = _describe(found, prefix, nonlinearity)
    return described, {_own_name(name): value for name, value in found.items()}


def _beginning(name: str) -> str | None:
    """What stands before the name of a weight of the first layer; None: it is not one."""
    beginning, last = name[: name.rfind(".") + 1], name[name.rfind(".") + 1 :]
    return beginning if last == "weight_hh_l0" else None


def _describe(found: Mapping[str, torch.Tensor], prefix: str, nonlinearity: str | None) -> _Described:
    parts = [match for match in map(_WEIGHT.fullmatch, found) if match is not None]
    num_layers = 1 + max(int(match[2]) for match in parts)
    bidirectional, bias = any(match[3] for match in parts), any(match[1].startswith("bias") for match in parts)
    recurrent, read = found.get("weight_hh_l0"), found.get("weight_ih_l0")
    if recurrent is None or read is None:
        name = "weight_hh_l0" if recurrent is None else "weight_ih_l0"
        raise ValueError(f"`source` lacks `{prefix}{name}`.")
    rows, hidden_size = recurrent.shape
    kind = _BY_GATES.get(rows // hidden_size if rows % hidden_size == 0 else 0)
    if kind is None:
        raise ValueError(
            f"`{prefix}weight_hh_l0` of `source` has shape {tuple(recurrent.shape)}; it must be (4, 3 or 1 times "
            "units, units), as an LSTM, a GRU or an RNN has it."
        )
    if (kind == "RNN") != (nonlinearity is not None) or nonlinearity not in (None, *_NONLINEARITIES):
        must = "'tanh' or 'relu', which the weights of an nn.RNN do not tell" if kind == "RNN" else "left out"
        raise ValueError(f"`nonlinearity` is {nonlinearity!r}; for the weights of an nn.{kind} it must be {must}.")
    described = _Described(
        kind, read.shape[1], hidden_size, num_layers, bidirectional, bias, nonlinearity=nonlinearity
    )
    _check_shapes(found, described, prefix)
    return described


def _check_shapes(found: Mapping[str, torch.Tensor], described: _Described, prefix: str) -> None:
    with torch.device("meta"):
        layer = _LAYERS[described.kind](
            described.input_size,
            described.hidden_size,
            described.num_layers,
            bias=described.bias,
            bidirectional=described.bidirectional,
        )
    expected = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    for name in sorted(expected.keys() | found.keys()):
        shape = tuple(found[name].shape) if name in found else None
        if shape != expected.get(name):
            raise ValueError(
                f"`{prefix}{name}` of `source` has shape {shape}; in an nn.{described.kind} of {described.num_layers} "
                f"layers of {described.hidden_size} units it must be {expected.get(name)}."
            )


def _own_name(name: str) -> str:
    # Every layer here has a cell of its own, whose weights are those of a layer 0.
    weight, layer, reverse = _WEIGHT.fullmatch(name).groups()  # type: ignore[union-attr]
    return f"layers.{layer}.cell.{weight}_l0{reverse or ''}"


def _config(described: _Described) -> RecurrentConfig:
    common: dict[str, Any] = {
        "vocab_size": None,
        "embedding_size": described.input_size,
        "hidden_size": described.hidden_size,
        "num_hidden_layers": described.num_layers,
        "dropout": described.dropout,
        "locked_dropout": False,
        "pad_token_id": None,
    }
    if described.kind == "LSTM" and described.bidirectional:
        return BiLstmConfig(**common)
    if described.kind == "LSTM":
        return LstmConfig(**common)
    if described.kind == "GRU":
        return GruConfig(**common, bidirectional=described.bidirectional)
    common["nonlinearity"] = described.nonlinearity
    return ElmanConfig(**common, bidirectional=described.bidirectional)
