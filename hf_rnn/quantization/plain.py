"""A recurrent layer with weights of 8 bits in plain PyTorch, a step at a time: the compiled kernels are held equal to
it, and it computes where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..models.steps import Gather, State, Steps, gather_rows
from .rounding import LARGEST, round_activations


__all__ = ["Int8Direction", "multiply", "read_plainly"]


@dataclass(frozen=True)
class Int8Direction:
    """The parameters of one direction: weights of int8 (gates * units, features), and their scales (gates * units) and
    biases (gates * units) of float32.
    """

    weight_x: torch.Tensor
    scale_x: torch.Tensor
    weight_h: torch.Tensor
    scale_h: torch.Tensor
    bias_x: torch.Tensor
    bias_h: torch.Tensor


def multiply(rows: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Multiply float32 `rows` (…, features), rounded to 8 bits, by the transpose of `weight` (outputs, features):
    (…, outputs), whose sums of whole numbers are exact.
    """
    whole, row_scales = round_activations(rows)
    # Whole numbers up to 2^24, and so the sums of that many products, are exact in single precision, in any order.
    exact = torch.float32 if LARGEST**2 * weight.shape[1] < 2**24 else torch.float64
    products = whole.to(exact) @ weight.to(exact).T
    return products.float() * (row_scales * scale)


def read_plainly(
    kernel: str, directions: Sequence[Int8Direction], inputs: torch.Tensor, steps: Steps, state: State
) -> tuple[torch.Tensor, State]:
    """Compute what [`run_int8_layer`] of `kernels/int8_layer.py` does, of `inputs` (batch, time, features) and a state
    (batch, directions, units).
    """
    runs = [
        _read(kernel, own, inputs, steps.orders[direction], steps, tuple(part[:, direction] for part in state))
        for direction, own in enumerate(directions)
    ]
    outputs = torch.cat([run[0] for run in runs], dim=2)
    finals = tuple(torch.stack(parts, dim=1) for parts in zip(*(run[1] for run in runs), strict=True))
    return steps.clear_padding(outputs), finals


def _read(
    kernel: str, own: Int8Direction, inputs: torch.Tensor, order: Gather | None, steps: Steps, state: State
) -> tuple[torch.Tensor, State]:
    # Each sequence's own first step stands first, so that it has ended where the step is beyond its length.
    if order is not None:
        inputs = gather_rows(inputs, order.index)
    entering = multiply(inputs, own.weight_x, own.scale_x) + own.bias_x
    reached = []
    for step in range(inputs.shape[1]):
        recurrent = multiply(state[0], own.weight_h, own.scale_h) + own.bias_h
        after = _step(kernel, entering[:, step], recurrent, state)
        running = (steps.lengths > step).unsqueeze(1)
        state = tuple(torch.where(running, new, old) for new, old in zip(after, state, strict=True))
        reached.append(state[0])
    outputs = torch.stack(reached, dim=1)
    return outputs if order is None else gather_rows(outputs, order.inverse), state


def _step(kernel: str, entering: torch.Tensor, recurrent: torch.Tensor, state: State) -> State:
    """The state after a step, of what enters the gates from the input and from the state, each (batch, gates * units).
    The equations are those of `models/cells.py`.
    """
    if kernel == "lstm":
        i, f, g, o = (entering + recurrent).chunk(4, dim=1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    if kernel == "gru":
        (x_r, x_z, x_n), (h_r, h_z, h_n) = entering.chunk(3, dim=1), recurrent.chunk(3, dim=1)
        z, n = torch.sigmoid(x_z + h_z), torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        return ((1 - z) * n + z * state[0],)
    activation = torch.tanh if kernel == "rnn_tanh" else torch.relu
    return (activation(entering + recurrent),)
