"""Layers whose gates look at the input alone as nodes of a graph: products, element-wise functions and a Scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from ..models.cells import MinGruCell, MinimalCell
from ..models.recurrent import RecurrentLayer
from .graph import Graph, float_, ints, weight
from .graph_steps import axis_size, real_steps


__all__ = ["scanned_layer"]


_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}


def scanned_layer(
    g: Graph, layer: RecurrentLayer, features: str, lengths: str, state: Sequence[str] = ()
) -> tuple[str, str]:
    """A layer of minGRU or minLSTM (see `cells.MinimalCell`) in one or both directions.

    A step of padding keeps the whole state and adds nothing, so each direction passes over it unchanged, wherever it
    stands. ONNX's Scan reads its inputs from the first step or from the last: one takes both directions.

    Args:
        features: (time, batch, features).
        lengths: (batch), int64; 0 is allowed.
        state: h (1, batch, units), for a layer of one direction; left out: zeros.

    Returns:
        h at every step (time, directions, batch, units), at the padding any number, and after the step read last
        (directions, batch, units).
    """
    cell: Any = layer.cell
    directions = range(layer.num_directions)
    real = real_steps(g, lengths, axis_size(g, features, 0))
    given = [g.Squeeze(state[0], ints(0))] if state else [_zeros(g, features, cell)] * len(directions)
    read = [value for direction in directions for value in _factors(g, cell, direction, features, real)]
    backwards = [direction for direction in directions for _ in range(2)]
    found = g.Scan(
        *given,
        *read,
        outputs=2 * len(directions),
        body=_body(len(directions), cell.hidden_size),
        num_scan_inputs=len(read),
        scan_input_directions=backwards,
        scan_output_directions=list(directions),
    )
    finals, every = found[: len(directions)], found[len(directions) :]
    return _stacked(g, every, 1), _stacked(g, finals, 0)


def _factors(g: Graph, cell: MinimalCell, direction: int, features: str, real: str) -> tuple[str, str]:
    # What each step multiplies the state by, and what it adds: (time, batch, units).
    w_x, bias = (weight(tensor) for tensor in cell.weights(direction))
    products = g.Add(g.MatMul(features, w_x.T), bias)
    *gates, candidate = g.Split(products, ints(*[cell.hidden_size] * cell.num_gates), axis=2, outputs=cell.num_gates)
    if isinstance(cell, MinGruCell):
        (share,) = gates
    else:
        # log i − log f: the logarithm of the logistic function is the negative softplus of the negative.
        i, f = (g.Softplus(g.Neg(gate)) for gate in gates)
        share = g.Sub(f, i)
    update = g.Sigmoid(share)
    if cell.activation_name in _ACTIVATIONS:
        candidate = getattr(g, _ACTIVATIONS[cell.activation_name])(candidate)
    kept = g.Where(real, g.Sub(float_(1), update), float_(1))
    return kept, g.Where(real, g.Mul(update, candidate), float_(0))


def _body(directions: int, units: int) -> Any:
    # One step: of each direction the state h, then of each kept and added; out come the states, and once more as what
    # is collected.
    def value(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", units])

    before = [f"scanned_h_{d}" for d in range(directions)]
    factors = [f"scanned_{name}_{d}" for d in range(directions) for name in ("kept", "added")]
    after = [f"scanned_reached_{d}" for d in range(directions)]
    collected = [f"scanned_every_{d}" for d in range(directions)]
    nodes = []
    for d in range(directions):
        nodes += [
            helper.make_node("Mul", [factors[2 * d], before[d]], [f"scanned_product_{d}"]),
            helper.make_node("Add", [f"scanned_product_{d}", factors[2 * d + 1]], [after[d]]),
            helper.make_node("Identity", [after[d]], [collected[d]]),
        ]
    inputs, outputs = [value(name) for name in before + factors], [value(name) for name in after + collected]
    return helper.make_graph(nodes, "step", inputs, outputs)


def _zeros(g: Graph, features: str, cell: MinimalCell) -> str:
    shape = g.Concat(g.Shape(features, start=1, end=2), ints(cell.hidden_size), axis=0)
    return g.Expand(np.zeros(1, dtype=np.float32), shape)


def _stacked(g: Graph, parts: Sequence[str], axis: int) -> str:
    apart = [g.Unsqueeze(part, ints(axis)) for part in parts]
    return apart[0] if len(apart) == 1 else g.Concat(*apart, axis=axis)
