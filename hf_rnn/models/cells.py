r"""The cells: LSTM, GRU, simple recurrent networks, minGRU and minLSTM, each with its equations, its parameters, one
step in plain PyTorch (the reference path, see `paths.py`) and what computes a whole direction at once: torch's fused
kernel, or a parallel scan. What they share is in `cell.py`.

A fused kernel reads dense rows: the first step of every sequence stands at position 0. Which step that is, and where a
sequence ends, is the business of `cell.py`. Parameters are named and stacked as in `torch.nn.LSTM`,
`torch.nn.GRU` and `torch.nn.RNN` with one layer, so that state dicts are interchangeable with theirs.

Notation: x_t input, h_t hidden state, σ the logistic function, ∗ the element-wise product.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import initialization as init

from .cell import Cell, fused_arguments
from .configuration_rnn import ElmanConfig, GatedConfig, GruConfig, MinimalConfig
from .looks import may_look
from .scan import linear_scan
from .steps import State, Steps
from .tracing import recorded


__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "ElmanCell",
    "GatedCell",
    "GruCell",
    "LstmCell",
    "MinGruCell",
    "MinLstmCell",
    "MinimalCell",
]


def _unchanged(features: torch.Tensor) -> torch.Tensor:
    return features


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "linear": _unchanged,
}


class GatedCell(Cell):
    """What LSTM and GRU share: the activation of the candidate, and gates that keep the state from the start.

    Args:
        config: The model's configuration.
        input_size: Features of a step.
        hidden_size: Units of each direction.
    """

    # The gate, by its place in `gate_names`, whose bias keeps the state; and that whose bias is its negative with
    # `config.chrono_time_scales`, if one is.
    keeping_gate = 1
    opposite_gate: int | None = None

    def __init__(self, config: GatedConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.gate_bias = config.gate_bias
        self.time_scales = config.chrono_time_scales
        self.activation_name = config.activation
        self.activation = ACTIVATIONS[config.activation]

    def extra_repr(self) -> str:
        shown = super().extra_repr()
        return shown if self.activation_name == "tanh" else f"{shown}, activation={self.activation_name}"

    def initialize(self) -> None:
        """As for every cell, and `config.gate_bias`, or the biases of `config.chrono_time_scales`."""
        super().initialize()
        for name, weight in self.named_parameters():
            if name.startswith("bias_ih"):
                init.copy_(weight, self._initial_bias(weight))

    def _initial_bias(self, weight: torch.Tensor) -> torch.Tensor:
        bias = torch.zeros_like(weight)
        gates = bias.view(self.num_gates, self.hidden_size)
        if self.time_scales is None:
            gates[self.keeping_gate] = self.gate_bias
            return bias
        shortest, longest = self.time_scales
        drawn = torch.empty(self.hidden_size, dtype=bias.dtype, device=bias.device).uniform_(shortest, longest)
        gates[self.keeping_gate] = torch.log(drawn - 1)
        if self.opposite_gate is not None:
            gates[self.opposite_gate] = -gates[self.keeping_gate]
        return bias


class LstmCell(GatedCell):
    r"""Long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000), torch's order
    of gates i, f, g, o and its two bias vectors (b below is their sum):

        i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)        (input, or update, gate Γ_u)
        f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)        (forget gate Γ_f)
        g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)     (candidate c̃_t)
        o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)        (output gate Γ_o)
        c_t = f_t ∗ c_{t-1} + i_t ∗ g_t
        h_t = o_t ∗ tanh(c_t)

    `config.activation` puts another function in place of both tanh.
    """

    num_gates = 4
    num_states = 2
    gate_names = ("input", "forget", "candidate", "output")
    onnx_operator = "LSTM"
    onnx_gates = (0, 3, 1, 2)
    opposite_gate = 0

    def __init__(self, config: GatedConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.kernel = "lstm" if config.activation == "tanh" else None

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        _, w_h, _, b_h = weights
        i, f, g, o = (projected + nn.functional.linear(state[0], w_h, b_h)).chunk(4, dim=1)
        return torch.sigmoid(i), torch.sigmoid(f), self.activation(g), torch.sigmoid(o)

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        i, f, g, o = self.gates(projected, weights, state)
        c = f * state[1] + i * g
        return o * self.activation(c), c

    def run_fused(self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, State]:
        initial = [part.unsqueeze(0) for part in state]
        outputs, h, c = torch.lstm(inputs, initial, weights, *fused_arguments(inputs, weights, state), True)
        return outputs, (h.squeeze(0), c.squeeze(0))

    def run_packed(
        self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State, steps: Steps
    ) -> tuple[torch.Tensor, State]:
        # The dense kernel only gives c of the padded end; packing gives it at each sequence's own last step. Kernels
        # take its lengths from the host: on a GPU this is the one look that cannot be done without, but for one step.
        ended = (steps.lengths > 0).unsqueeze(1)
        if not recorded() and not may_look(steps.lengths) and inputs.shape[1] == 1:
            outputs, after = self.run_fused(inputs, weights, state)
            return outputs, tuple(torch.where(ended, part, start) for part, start in zip(after, state, strict=True))
        packed = pack_padded_sequence(inputs, steps.packed_lengths(), batch_first=True, enforce_sorted=False)
        initial = [part[packed.sorted_indices].unsqueeze(0) for part in state]
        arguments = fused_arguments(inputs, weights, state)
        data, h, c = torch.lstm(packed.data, packed.batch_sizes, initial, weights, *arguments)
        outputs, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=inputs.shape[1])
        final = (part.squeeze(0)[packed.unsorted_indices] for part in (h, c))
        return outputs, tuple(torch.where(ended, part, start) for part, start in zip(final, state, strict=True))


class GruCell(GatedCell):
    r"""Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078), torch's order of gates r, z, n:

        r_t = σ(W_xr x_t + b_xr + W_hr h_{t-1} + b_hr)            (reset, or relevance, gate Γ_r)
        z_t = σ(W_xz x_t + b_xz + W_hz h_{t-1} + b_hz)            (update gate)
        n_t = tanh(W_xn x_t + b_xn + r_t ∗ (W_hn h_{t-1} + b_hn))     `reset_after=True`: torch, cuDNN, Keras' default
        n_t = tanh(W_xn x_t + b_xn + W_hn (r_t ∗ h_{t-1}) + b_hn)     `reset_after=False`: Cho et al., most textbooks
        h_t = (1 − z_t) ∗ n_t + z_t ∗ h_{t-1}

    Courses that write c_t = Γ_u ∗ c̃_t + (1 − Γ_u) ∗ c_{t-1} with c̃_t = tanh(W_c [Γ_r ∗ c_{t-1}, x_t] + b_c) mean
    `reset_after=False` with h = c and Γ_u = 1 − z. `config.activation` puts another function in place of tanh.
    """

    num_gates = 3
    gate_names = ("reset", "update", "candidate")
    onnx_operator = "GRU"
    onnx_gates = (1, 0, 2)

    def __init__(self, config: GruConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.reset_after = config.reset_after
        self.kernel = "gru" if config.reset_after and config.activation == "tanh" else None

    def extra_repr(self) -> str:
        shown = super().extra_repr()
        return shown if self.reset_after else f"{shown}, reset_after=False"

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        _, w_h, _, b_h = weights
        h = state[0]
        if not self.reset_after:
            x_r, x_z, x_n = projected.chunk(3, dim=1)
            (w_r, w_z, w_n), (b_r, b_z, b_n) = w_h.chunk(3), b_h.chunk(3)
            r = torch.sigmoid(x_r + nn.functional.linear(h, w_r, b_r))
            z = torch.sigmoid(x_z + nn.functional.linear(h, w_z, b_z))
            return r, z, self.activation(x_n + nn.functional.linear(r * h, w_n, b_n))
        x_gates, x_n = projected.tensor_split([2 * self.hidden_size], dim=1)
        h_gates, h_n = nn.functional.linear(h, w_h, b_h).tensor_split([2 * self.hidden_size], dim=1)
        r, z = torch.sigmoid(x_gates + h_gates).chunk(2, dim=1)
        n = self.activation(x_n + r * h_n)
        return r, z, n

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        _, z, n = self.gates(projected, weights, state)
        return ((1 - z) * n + z * state[0],)


class ElmanCell(Cell):
    r"""Simple recurrent networks, with φ = tanh or relu. What is fed back (`recurrence`):

        hidden            h_t = φ(W_x x_t + b_x + W_h h_{t-1} + b_h)                     (Elman 1990)
        output_to_hidden  h_t = φ(W_x x_t + b_x + W_h y_{t-1} + b_h),  y_t = φ(W_y h_t + b_y)   (Jordan 1986)
        output_to_output  h_t = φ(W_x x_t + b_x),  y_t = φ(W_y h_t + b_y + W_h y_{t-1} + b_h)

    The latter two give y_t as the layer's output and as its state, so all three have `hidden_size` units of output.
    """

    gate_names = ("activation",)
    onnx_operator = "RNN"

    def __init__(self, config: ElmanConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.initializer = config.initializer
        self.recurrence = config.recurrence
        self.activation = torch.tanh if config.nonlinearity == "tanh" else torch.relu
        if config.recurrence == "hidden":
            self.kernel = f"rnn_{config.nonlinearity}"
        else:
            self.add_weights({"weight_ho": (hidden_size, hidden_size), "bias_ho": (hidden_size,)})

    def extra_repr(self) -> str:
        nonlinearity = "tanh" if self.activation is torch.tanh else "relu"
        return f"{super().extra_repr()}, nonlinearity={nonlinearity}, recurrence={self.recurrence}"

    def _initial(self, name: str, gate: torch.Tensor) -> torch.Tensor:
        if self.initializer == "identity" and name.startswith("weight_hh"):
            return nn.init.eye_(gate)
        if self.initializer == "he" and not name.startswith("weight_hh"):
            return nn.init.kaiming_normal_(gate, nonlinearity="relu")
        return super()._initial(name, gate)

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        if self.recurrence != "output_to_output":
            projected = projected + nn.functional.linear(state[0], weights[1], weights[3])
        return (self.activation(projected),)

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        (h,) = self.gates(projected, weights, state)
        if self.recurrence == "hidden":
            return (h,)
        y = nn.functional.linear(h, weights[4], weights[5])
        if self.recurrence == "output_to_output":
            y = y + nn.functional.linear(state[0], weights[1], weights[3])
        return (self.activation(y),)


class MinimalCell(GatedCell):
    r"""What minGRU and minLSTM share (Feng et al. 2024, https://arxiv.org/abs/2410.01201): the share u_t of the state
    that a step replaces and the candidate c_t that it puts there depend on the input alone, so there is no W_h, and

        h_t = (1 − u_t) ∗ h_{t-1} + u_t ∗ c_t

    is a linear recurrence, which `scan.linear_scan` computes for all steps at once. Its factors lie in [0, 1], so
    nothing overflows that does not in the plain loop, and the paper's form in logarithms, which needs a positive
    candidate, is not used: c_t is φ(W_xc x_t + b_c) with φ the identity, or `config.activation`.
    """

    keeping_gate = 0

    def __init__(self, config: MinimalConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.kernel = config.cell if config.activation == "linear" else "linear_scan"

    def updates(self, projected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """u and c, each (…, units), of steps of `project` (…, gates * units)."""
        raise TypeError(f"{type(self).__name__} has no equations of its own; use one of the cells in CELLS.")

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        update, candidate = self.updates(projected)
        return ((1 - update) * state[0] + update * candidate,)

    def run_fused(self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, State]:
        update, candidate = self.updates(self.project(inputs, weights))
        outputs = linear_scan(1 - update, update * candidate, state[0])
        return outputs, (outputs[:, -1],)


class MinGruCell(MinimalCell):
    r"""The minimal gated recurrent unit (Feng et al. 2024, https://arxiv.org/abs/2410.01201, section 3.1):

        z_t = σ(W_xz x_t + b_z)                     (update gate)
        c_t = φ(W_xc x_t + b_c)                     (candidate; φ is `config.activation`)
        h_t = (1 − z_t) ∗ h_{t-1} + z_t ∗ c_t

    z is the share of the new, so a `gate_bias` of b makes b_z = −b.
    """

    num_gates = 2
    gate_names = ("update", "candidate")

    def _initial_bias(self, weight: torch.Tensor) -> torch.Tensor:
        return 0 - super()._initial_bias(weight)

    def updates(self, projected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z, candidate = projected.chunk(2, dim=-1)
        return torch.sigmoid(z), self.activation(candidate)

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        return self.updates(projected)


class MinLstmCell(MinimalCell):
    r"""The minimal long short-term memory (Feng et al. 2024, https://arxiv.org/abs/2410.01201, section 3.2), with the
    gates normalised so that they add up to 1:

        i_t = σ(W_xi x_t + b_i),  f_t = σ(W_xf x_t + b_f)
        i'_t = i_t / (f_t + i_t)                    (input gate)
        f'_t = f_t / (f_t + i_t)                    (forget gate)
        c_t = φ(W_xc x_t + b_c)                     (candidate; φ is `config.activation`)
        h_t = f'_t ∗ h_{t-1} + i'_t ∗ c_t

    A `gate_bias` of b makes b_f = b and b_i = −b, with which f' starts at σ(b).
    Alone, b_f could not raise f' above 2/3.
    """

    num_gates = 3
    gate_names = ("input", "forget", "candidate")
    keeping_gate, opposite_gate = 1, 0

    def _initial_bias(self, weight: torch.Tensor) -> torch.Tensor:
        bias = super()._initial_bias(weight)
        gates = bias.view(self.num_gates, self.hidden_size)
        gates[self.opposite_gate] = -gates[self.keeping_gate]
        return bias

    def updates(self, projected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        i, f, candidate = projected.chunk(3, dim=-1)
        # i / (f + i) is the logistic function of log i − log f; as a quotient it would be 0 / 0 where both gates are
        # shut.
        return torch.sigmoid(nn.functional.logsigmoid(i) - nn.functional.logsigmoid(f)), self.activation(candidate)

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        update, candidate = self.updates(projected)
        return update, 1 - update, candidate


CELLS: dict[str, type[Cell]] = {
    "lstm": LstmCell,
    "gru": GruCell,
    "elman": ElmanCell,
    "min_gru": MinGruCell,
    "min_lstm": MinLstmCell,
}
