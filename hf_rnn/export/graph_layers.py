"""The layers of a model as nodes of a graph: recurrent layers, pooling, dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..models.cell import Cell
from ..models.cells import ElmanCell, GatedCell, GruCell, MinimalCell
from ..models.heads import BatchNorm, ClassificationHead
from ..models.pooling import Pooler
from ..models.recurrent import RecurrentLayer
from .graph import Graph, float_, int_, ints, weight
from .graph_scan import scanned_layer
from .graph_steps import GraphSteps


__all__ = [
    "classification_head",
    "cleared",
    "continued_layer",
    "dense_stack",
    "first",
    "gru_step",
    "largest",
    "linear",
    "mean",
    "pooled",
    "recurrent_layer",
]


LEAST = float(np.finfo(np.float32).min)


def recurrent_layer(g: Graph, layer: RecurrentLayer, features: str, lengths: str) -> tuple[str, list[str]]:
    """One layer in one or both directions, each from the first to the last real step.

    Args:
        features: (time, batch, features).
        lengths: (batch), int64; 0 is allowed.

    Returns:
        The output of every step (time, batch, units or 2 * units), and each direction's own final state: h, and c of
        an LSTM, each (batch, directions, units), zero for an empty sequence.
    """
    every, *finals = _read(g, layer, features, lengths)
    if layer.num_directions == 1:
        outputs = g.Squeeze(every, ints(1))
    elif layer.merge == "sum":
        outputs = g.ReduceSum(every, ints(1), keepdims=0)
    else:
        outputs = g.Reshape(g.Transpose(every, perm=[0, 2, 1, 3]), ints(0, 0, -1))
    some = g.Unsqueeze(g.Cast(g.Greater(lengths, ints(0)), to=1), ints(1, 2))  # FLOAT
    return outputs, [g.Mul(g.Transpose(final, perm=[1, 0, 2]), some) for final in finals]


def continued_layer(
    g: Graph, layer: RecurrentLayer, features: str, lengths: str, state: Sequence[str]
) -> tuple[str, list[str]]:
    """A layer of one direction that goes on from a state.

    Args:
        features: (time, batch, features).
        lengths: (batch), int64; 0 is allowed.
        state: h, and c for an LSTM, each (batch, units).

    Returns:
        The output of every step (time, batch, units), and the state after each sequence's last, that which was given
        for an empty sequence.
    """
    every, *finals = _read(g, layer, features, lengths, [g.Unsqueeze(part, ints(0)) for part in state])
    some = g.Unsqueeze(g.Greater(lengths, ints(0)), ints(1))
    reached = [g.Where(some, g.Squeeze(final, ints(0)), before) for final, before in zip(finals, state, strict=True)]
    return g.Squeeze(every, ints(1)), reached


def gru_step(g: Graph, layer: RecurrentLayer, features: str, state: str) -> str:
    """The state of a GRU after one more step, by its equations with `reset_after` (see `GruCell`).

    The products stand by themselves, and not in an operator GRU: ONNX Runtime computes those in 8 bits, but no GRU.

    Args:
        features: (batch, features).
        state: (batch, units).

    Returns:
        (batch, units), which is the layer's output, too.
    """
    _require_operator(layer.cell)
    w_x, w_h, b_x, b_h = (weight(tensor) for tensor in layer.cell.weights(0))
    units = [layer.hidden_size] * 3
    x_r, x_z, x_n = g.Split(g.Add(g.MatMul(features, w_x.T), b_x), ints(*units), axis=1, outputs=3)
    h_r, h_z, h_n = g.Split(g.Add(g.MatMul(state, w_h.T), b_h), ints(*units), axis=1, outputs=3)
    candidate = g.Tanh(g.Add(x_n, g.Mul(g.Sigmoid(g.Add(x_r, h_r)), h_n)))
    kept = g.Sigmoid(g.Add(x_z, h_z))
    reached: str = g.Add(candidate, g.Mul(kept, g.Sub(state, candidate)))
    return reached


def _read(g: Graph, layer: RecurrentLayer, features: str, lengths: str, state: Sequence[str] = ()) -> tuple[str, ...]:
    # Every output (time, directions, batch, units), and the final h, and c of an LSTM, each (directions, batch, units)
    # as `state` is. ONNX has no operator for a sequence of no step: one step of padding is read.
    cell = layer.cell
    if isinstance(cell, MinimalCell):
        return scanned_layer(g, layer, features, lengths, state)
    at_least_one = g.Cast(g.Max(lengths, ints(1)), to=6)  # INT32
    _require_operator(cell)
    if isinstance(cell, ElmanCell) and cell.recurrence == "output_to_hidden":
        return _jordan(g, layer, features, at_least_one, state)
    return _operator(g, layer, features, at_least_one, state)


def _require_operator(cell: Cell) -> None:
    if cell.onnx_operator is None:
        raise ValueError(
            f"`model` has layers of {type(cell).__name__}, which no operator of ONNX computes (its `onnx_operator` is "
            "None). Export a model of another family, such as a GRU."
        )
    if isinstance(cell, GatedCell) and cell.activation_name != "tanh":
        raise ValueError(
            f"`model` has layers with `activation`={cell.activation_name!r}; a graph is written for 'tanh' alone."
        )


def _operator(g: Graph, layer: RecurrentLayer, features: str, lengths: str, state: Sequence[str]) -> tuple[str, ...]:
    # One operator of ONNX computes the layer.
    cell: Any = layer.cell
    per_direction = [[weight(tensor) for tensor in cell.weights(d)] for d in range(layer.num_directions)]
    if isinstance(cell, ElmanCell) and cell.recurrence == "output_to_output":
        # Its first half looks at no other step: with that done for all, the rest is an Elman network.
        features = _first_halves(g, cell, features, per_direction)
        per_direction = [_second_half(weights, d, layer.num_directions) for d, weights in enumerate(per_direction)]
    stacked = [
        np.stack([_in_order(weights[index], cell.onnx_gates) for weights in per_direction]) for index in range(4)
    ]  # W_x, W_h, b_x, b_h of all directions
    attributes: dict[str, Any] = {"hidden_size": cell.hidden_size, "direction": _direction(layer)}
    if isinstance(cell, GruCell):
        attributes["linear_before_reset"] = int(cell.reset_after)
    if isinstance(cell, ElmanCell):
        attributes["activations"] = [_activation(cell)] * layer.num_directions
    add = getattr(g, cell.onnx_operator)
    bias = np.concatenate(stacked[2:], axis=1)
    found: tuple[str, ...] = add(
        features, stacked[0], stacked[1], bias, lengths, *state, outputs=1 + cell.num_states, **attributes
    )
    return found


def _direction(layer: RecurrentLayer) -> str:
    return "bidirectional" if layer.num_directions == 2 else "forward"


def _activation(cell: Any) -> str:
    return "Tanh" if cell.activation is torch.tanh else "Relu"


def _in_order(stacked: np.ndarray, order: Sequence[int]) -> np.ndarray:
    parts = np.split(stacked, len(order))
    return np.concatenate([parts[index] for index in order])


def _first_halves(g: Graph, cell: Any, features: str, per_direction: list[list[np.ndarray]]) -> str:
    # φ(W_x x + b_x) of each direction, side by side.
    w = np.concatenate([weights[0] for weights in per_direction]).T
    b = np.concatenate([weights[2] for weights in per_direction])
    return getattr(g, _activation(cell))(g.Add(g.MatMul(features, w), b))


def _second_half(weights: list[np.ndarray], direction: int, directions: int) -> list[np.ndarray]:
    # The weights are those of an Elman network that reads its own direction's part of the first halves: W_y, W_h, b_y,
    # b_h.
    _, w_h, _, b_h, w_y, b_y = weights
    parts = [np.zeros_like(w_y)] * directions
    parts[direction] = w_y
    return [np.concatenate(parts, axis=1), w_h, b_y, b_h]


def _jordan(g: Graph, layer: RecurrentLayer, features: str, lengths: str, state: Sequence[str]) -> tuple[str, ...]:
    # h_t = φ(W_x x_t + b_x + W_h y_{t-1} + b_h), y_t = φ(W_y h_t + b_y): an Elman network of the units (h, y) that is
    # shown each step twice. At the first it computes h from the y before; at the second y from that h. It starts from
    # a y, and any h.
    cell: Any = layer.cell
    units = cell.hidden_size
    stacked: list[list[np.ndarray]] = [[], [], []]
    for direction in range(layer.num_directions):
        w_x, w_h, b_x, b_h, w_y, b_y = (weight(tensor) for tensor in cell.weights(direction))
        none = np.zeros((units, units), dtype=np.float32)
        stacked[0].append(np.concatenate([w_x, np.zeros_like(w_x)]))
        stacked[1].append(np.block([[none, w_h], [w_y, none]]))
        stacked[2].append(np.concatenate([b_x + b_h, b_y, np.zeros(2 * units, dtype=np.float32)]))
    # (time, 2, batch, features) to (2 * time, batch, features)
    twice = g.Concat(*[g.Unsqueeze(features, ints(1))] * 2, axis=1)
    shape = g.Concat(ints(-1), g.Shape(features, start=1), axis=0)
    every, finals = g.RNN(
        g.Reshape(twice, shape),
        *map(np.stack, stacked),
        g.Add(lengths, lengths),
        *(g.Concat(part, part, axis=2) for part in state),
        outputs=2,
        hidden_size=2 * units,
        direction=_direction(layer),
        activations=[_activation(cell)] * layer.num_directions,
    )
    # The second showing is the one that stands first in the backward direction.
    chosen = [
        g.Slice(g.Gather(every, ints(direction), axis=1), ints(1 - direction), ints(2**31), ints(0), ints(2))
        for direction in range(layer.num_directions)
    ]
    own = (ints(units), ints(2 * units))
    joined = chosen[0] if len(chosen) == 1 else g.Concat(*chosen, axis=1)
    return g.Slice(joined, *own, ints(3)), g.Slice(finals, *own, ints(2))


def pooled(g: Graph, pooler: Pooler, steps: GraphSteps, finals: str | None) -> str:
    """The pooling of the model: (batch, features)."""
    if pooler.attention is not None:
        return _attention(g, pooler.attention, steps)
    if pooler.pooling == "last" and finals is not None:
        return g.Flatten(finals) if pooler.merge == "concat" else g.ReduceSum(finals, ints(1), keepdims=0)
    if pooler.pooling == "mean":
        return mean(g, steps)
    if pooler.pooling == "max":
        return largest(g, steps)
    return g.Concat(mean(g, steps), largest(g, steps), axis=1)


def mean(g: Graph, steps: GraphSteps) -> str:
    """The mean over the real steps (batch, features); zeros for an empty sequence."""
    total = g.ReduceSum(cleared(g, steps.features, steps.real), ints(0), keepdims=0)
    return g.Div(total, g.Unsqueeze(g.Cast(g.Max(steps.lengths, ints(1)), to=1), ints(1)))


def first(g: Graph, steps: GraphSteps) -> str:
    """The first real step (batch, features); zeros for an empty sequence."""
    return g.Gather(cleared(g, steps.features, steps.real), int_(0), axis=0)


def cleared(g: Graph, features: str, real: str) -> str:
    """(time, batch, features) with zeros at the padding."""
    return g.Where(real, features, float_(0))


def largest(g: Graph, steps: GraphSteps) -> str:
    """The largest value over the real steps (batch, features); zeros for an empty sequence."""
    found = g.ReduceMax(g.Where(steps.real, steps.features, float_(LEAST)), ints(0), keepdims=0)
    return g.Where(g.Unsqueeze(g.Greater(steps.lengths, ints(0)), ints(1)), found, float_(0))


def _attention(g: Graph, attention: Any, steps: GraphSteps) -> str:
    features = cleared(g, steps.features, steps.real)
    scores = g.MatMul(g.Tanh(linear(g, attention.dense, features)), weight(attention.context.weight).T)
    weights = g.Softmax(g.Where(steps.real, scores, float_(LEAST)), axis=0)
    return g.ReduceSum(g.Mul(weights, features), ints(0), keepdims=0)


def linear(g: Graph, layer: nn.Linear, features: str) -> str:
    """(…, features) to (…, outputs)."""
    product = g.MatMul(features, weight(layer.weight).T)
    return product if layer.bias is None else g.Add(product, weight(layer.bias))


def dense_stack(g: Graph, stack: nn.Sequential, features: str) -> str:
    """(…, features) to (…, the last of the sizes), as in evaluation."""
    for module in stack:
        if isinstance(module, nn.Linear):
            features = linear(g, module, features)
        elif isinstance(module, nn.GELU):
            normal = g.Add(g.Erf(g.Mul(features, float_(0.5**0.5))), float_(1))
            features = g.Mul(g.Mul(features, float_(0.5)), normal)
        elif isinstance(module, nn.ReLU | nn.Tanh):
            features = g.Relu(features) if isinstance(module, nn.ReLU) else g.Tanh(features)
        elif isinstance(module, BatchNorm):
            features = _normalised(g, module, features)
        elif not isinstance(module, nn.Dropout):
            raise TypeError(f"`stack` has a {type(module).__name__}, which no graph is written for.")
    return features


def _normalised(g: Graph, norm: BatchNorm, features: str) -> str:
    # The running statistics never change here: one product and one sum.
    variance = weight(norm.running_var).astype(np.float64) + norm.eps
    scale = weight(norm.weight) / np.sqrt(variance)
    shift = weight(norm.bias) - weight(norm.running_mean) * scale
    return g.Add(g.Mul(features, scale.astype(np.float32)), shift.astype(np.float32))


def classification_head(g: Graph, head: ClassificationHead, features: str) -> str:
    """(…, features) to logits (…, labels)."""
    logits = linear(g, head.output, dense_stack(g, head.dense, features))
    if head.single_logit:
        return g.Concat(g.Mul(logits, float_(0)), logits, axis=-1)
    return logits
