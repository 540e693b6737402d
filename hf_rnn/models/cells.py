r"""The cells: LSTM, GRU and simple recurrent networks, each with its equations, its parameters, one step in plain
PyTorch (the reference path, see `paths.py`) and torch's fused kernel for a whole direction.

A fused kernel reads dense rows: the first step of every sequence stands at position 0. Which step that is, and where a
sequence ends, is the business of `recurrent.py`. Parameters are named and stacked as in `torch.nn.LSTM`,
`torch.nn.GRU` and `torch.nn.RNN` with one layer, so that state dicts are interchangeable with theirs.

Notation: x_t input, h_t hidden state, σ the logistic function, ∗ the element-wise product.
"""

from typing import cast

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import initialization as init

from .configuration_rnn import ElmanConfig, GruConfig, RecurrentConfig
from .tracing import shape_of


__all__ = ["CELLS", "Cell", "ElmanCell", "GruCell", "LstmCell", "State", "last_steps"]


# The state of one direction: (h,) or, for an LSTM, (h, c), each (batch, units).
State = tuple[torch.Tensor, ...]


def _fused_arguments(
    inputs: torch.Tensor, weights: list[torch.Tensor], state: State
) -> tuple[bool, int, float, bool, bool]:
    # has_biases, num_layers, dropout, train, bidirectional. cuDNN keeps what a backward pass needs only when told to
    # "train", whatever the mode of the module.
    differentiable = any(tensor.requires_grad for tensor in (inputs, *weights, *state))
    return True, 1, 0.0, torch.is_grad_enabled() and differentiable, False


class Cell(nn.Module):
    """Parameters and paths that the cells share.

    Args:
        config: The model's configuration.
        input_size: Features of a step.
        hidden_size: Units of each direction.
    """

    num_gates = 1
    num_states = 1
    # What `gates` returns, in its order.
    gate_names: tuple[str, ...] = ()
    # What computes this cell for a whole direction: lstm, gru, rnn_tanh or rnn_relu; None: no kernel does.
    kernel: str | None = None
    # The operator of ONNX that computes it (LSTM, GRU or RNN; None: none does), and the order that it wants gates in.
    onnx_operator: str | None = None
    onnx_gates: tuple[int, ...] = (0,)

    def __init__(self, config: RecurrentConfig, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_dropout = config.weight_dropout
        # Where b_x stands among the `weights`.
        self.input_bias = 2 if config.recurrent_weights else 1
        rows = self.num_gates * hidden_size
        shapes = {"weight_ih": (rows, input_size), "bias_ih": (rows,)}
        if config.recurrent_weights:
            shapes = {
                "weight_ih": (rows, input_size),
                "weight_hh": (rows, hidden_size),
                "bias_ih": (rows,),
                "bias_hh": (rows,),
            }
        for suffix in ("", "_reverse")[: config.num_directions]:
            for name, shape in shapes.items():
                self.register_parameter(f"{name}_l0{suffix}", nn.Parameter(torch.empty(shape)))

    def weights(self, direction: int) -> list[torch.Tensor]:
        """The parameters of `direction` (0 forward, 1 backward): W_x, W_h, b_x, b_h and what a subclass adds.

        Without `config.recurrent_weights` they are W_x, b_x and what a subclass adds.
        """
        reverse = bool(direction)
        named = [(name, weight) for name, weight in self._parameters.items() if weight is not None]
        return [weight for name, weight in named if name.endswith("_reverse") == reverse]

    def drawn_weights(self, direction: int) -> list[torch.Tensor]:
        """What one pass over `direction` is computed from: its `weights`; in training with `config.weight_dropout` of
        the entries of W_h zero and the others scaled by 1 / (1 - weight_dropout), anew at each call (DropConnect,
        Merity et al. 2018, https://arxiv.org/abs/1708.02182). One call thus gives all the steps of all sequences one
        mask.
        """
        if not self.training or self.weight_dropout == 0:
            return self.weights(direction)
        w_x, w_h, *others = self.weights(direction)
        # `nn.functional.dropout` is slower: its `bernoulli_` takes far longer than `rand` on a CPU.
        kept = torch.rand(w_h.shape, device=w_h.device).ge_(self.weight_dropout).to(w_h.dtype)
        return [w_x, w_h * kept.div_(1 - self.weight_dropout), *others]

    def initialize(self) -> None:
        """Xavier input weights, orthogonal recurrent weights (each gate on its own), biases zero."""
        for name, weight in self.named_parameters():
            if name.startswith("bias"):
                init.zeros_(weight)
            else:
                # Whole tensors only: a slice would lose the flag that protects weights loaded from a checkpoint.
                init.copy_(weight, torch.cat([self._initial(name, gate) for gate in _gates(weight, self.num_gates)]))

    def _initial(self, name: str, gate: torch.Tensor) -> torch.Tensor:
        fill = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
        return fill(gate)

    def project(self, inputs: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
        """W_x x + b_x for every step at once: (batch, time, features) to (batch, time, gates * units)."""
        return nn.functional.linear(inputs, weights[0], weights[self.input_bias])

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        """What one step computes on the way to its state: `gate_names`, each (batch, units), activation function
        applied.

        Args:
            projected: (batch, gates * units), a step of `project`.
            weights: Those of the direction, see `drawn_weights`.
            state: The state before the step, each (batch, units).
        """
        raise TypeError(f"{type(self).__name__} has no equations of its own; use one of the cells in CELLS.")

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        """The equations of one step, of the arguments of `gates`.

        Returns:
            The state after it; its first part is the layer's output.
        """
        raise TypeError(f"{type(self).__name__} has no equations of its own; use one of the cells in CELLS.")

    def forward(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        """`step`, as the reference path calls it: forward hooks see each step's own state."""
        return self.step(projected, weights, state)

    def run_fused(self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, State]:
        """Every step at once, by torch's kernel.

        Args:
            inputs: (batch, time, features), dense.
            weights: Those of the direction, see `drawn_weights`.
            state: The state before the first step, each (batch, units).

        Returns:
            h_t for every step (batch, time, units), and the state after the last of the `time` steps.
        """
        initial = state[0].unsqueeze(0)
        kernel = getattr(torch, cast(str, self.kernel))
        outputs, h = kernel(inputs, initial, weights, *_fused_arguments(inputs, weights, state), True)
        return outputs, (h.squeeze(0),)

    def run_packed(
        self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, State]:
        """As `run_fused`, but the state returned is the one after each sequence's own last step, `lengths` (batch)."""
        outputs, _ = self.run_fused(inputs, weights, state)
        return outputs, (last_steps(outputs, lengths, state[0]),)


def last_steps(outputs: torch.Tensor, lengths: torch.Tensor, initial: torch.Tensor) -> torch.Tensor:
    """The output at each sequence's own last step; for an empty sequence the state it started with.

    Args:
        outputs: (batch, time, units).
        lengths: (batch), whole numbers from 0.
        initial: (batch, units).
    """
    if shape_of(outputs)[1] == 0:
        return initial
    index = (lengths - 1).clamp(min=0)
    last = outputs[torch.arange(outputs.shape[0], device=outputs.device), index]
    return torch.where((lengths > 0).unsqueeze(1), last, initial)


class LstmCell(Cell):
    r"""Long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000), torch's order
    of gates i, f, g, o and its two bias vectors (b below is their sum):

        i_t = σ(W_xi x_t + W_hi h_{t-1} + b_i)        (input, or update, gate Γ_u)
        f_t = σ(W_xf x_t + W_hf h_{t-1} + b_f)        (forget gate Γ_f)
        g_t = tanh(W_xg x_t + W_hg h_{t-1} + b_g)     (candidate c̃_t)
        o_t = σ(W_xo x_t + W_ho h_{t-1} + b_o)        (output gate Γ_o)
        c_t = f_t ∗ c_{t-1} + i_t ∗ g_t
        h_t = o_t ∗ tanh(c_t)
    """

    num_gates = 4
    num_states = 2
    gate_names = ("input", "forget", "candidate", "output")
    kernel = "lstm"
    onnx_operator = "LSTM"
    onnx_gates = (0, 3, 1, 2)

    def initialize(self) -> None:
        """As for every cell, and a forget-gate bias of 1 (Gers et al. 2000; Jozefowicz et al. 2015)."""
        super().initialize()
        for name, weight in self.named_parameters():
            if name.startswith("bias_ih"):
                bias = torch.zeros_like(weight)
                bias[self.hidden_size : 2 * self.hidden_size] = 1
                init.copy_(weight, bias)

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        _, w_h, _, b_h = weights
        i, f, g, o = (projected + nn.functional.linear(state[0], w_h, b_h)).chunk(4, dim=1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)

    def step(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> State:
        i, f, g, o = self.gates(projected, weights, state)
        c = f * state[1] + i * g
        return o * torch.tanh(c), c

    def run_fused(self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, State]:
        initial = [part.unsqueeze(0) for part in state]
        outputs, h, c = torch.lstm(inputs, initial, weights, *_fused_arguments(inputs, weights, state), True)
        return outputs, (h.squeeze(0), c.squeeze(0))

    def run_packed(
        self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, State]:
        # The dense kernel only gives c of the padded end; packing gives it at each sequence's own last step.
        packed = pack_padded_sequence(inputs, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        initial = [part[packed.sorted_indices].unsqueeze(0) for part in state]
        arguments = _fused_arguments(inputs, weights, state)
        data, h, c = torch.lstm(packed.data, packed.batch_sizes, initial, weights, *arguments)
        outputs, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=inputs.shape[1])
        ended = (lengths > 0).unsqueeze(1)
        final = (part.squeeze(0)[packed.unsorted_indices] for part in (h, c))
        return outputs, tuple(torch.where(ended, part, start) for part, start in zip(final, state, strict=True))


class GruCell(Cell):
    r"""Gated recurrent unit (Cho et al. 2014, https://arxiv.org/abs/1406.1078), torch's order of gates r, z, n:

        r_t = σ(W_xr x_t + b_xr + W_hr h_{t-1} + b_hr)            (reset, or relevance, gate Γ_r)
        z_t = σ(W_xz x_t + b_xz + W_hz h_{t-1} + b_hz)            (update gate)
        n_t = tanh(W_xn x_t + b_xn + r_t ∗ (W_hn h_{t-1} + b_hn))     `reset_after=True`: torch, cuDNN, Keras' default
        n_t = tanh(W_xn x_t + b_xn + W_hn (r_t ∗ h_{t-1}) + b_hn)     `reset_after=False`: Cho et al., most textbooks
        h_t = (1 − z_t) ∗ n_t + z_t ∗ h_{t-1}

    Courses that write c_t = Γ_u ∗ c̃_t + (1 − Γ_u) ∗ c_{t-1} with c̃_t = tanh(W_c [Γ_r ∗ c_{t-1}, x_t] + b_c) mean
    `reset_after=False` with h = c and Γ_u = 1 − z.
    """

    num_gates = 3
    gate_names = ("reset", "update", "candidate")
    onnx_operator = "GRU"
    onnx_gates = (1, 0, 2)

    def __init__(self, config: GruConfig, input_size: int, hidden_size: int) -> None:
        super().__init__(config, input_size, hidden_size)
        self.reset_after = config.reset_after
        self.kernel = "gru" if config.reset_after else None

    def gates(self, projected: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, ...]:
        _, w_h, _, b_h = weights
        h = state[0]
        x_r, x_z, x_n = projected.chunk(3, dim=1)
        (w_r, w_z, w_n), (b_r, b_z, b_n) = w_h.chunk(3), b_h.chunk(3)
        r = torch.sigmoid(x_r + nn.functional.linear(h, w_r, b_r))
        z = torch.sigmoid(x_z + nn.functional.linear(h, w_z, b_z))
        if self.reset_after:
            n = torch.tanh(x_n + r * nn.functional.linear(h, w_n, b_n))
        else:
            n = torch.tanh(x_n + nn.functional.linear(r * h, w_n, b_n))
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
            for suffix in ("", "_reverse")[: config.num_directions]:
                self.register_parameter(f"weight_ho_l0{suffix}", nn.Parameter(torch.empty(hidden_size, hidden_size)))
                self.register_parameter(f"bias_ho_l0{suffix}", nn.Parameter(torch.empty(hidden_size)))

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


def _gates(weight: torch.Tensor, count: int) -> list[torch.Tensor]:
    # Empty tensors of the shape of one gate; the fan-in and fan-out of an initialiser are a gate's own.
    rows = len(weight) // count
    return [torch.empty(rows, *weight.shape[1:], dtype=weight.dtype, device=weight.device) for _ in range(count)]


CELLS: dict[str, type[Cell]] = {"lstm": LstmCell, "gru": GruCell, "elman": ElmanCell}
