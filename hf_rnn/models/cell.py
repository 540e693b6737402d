"""What all cells share: the parameters, and the pass of a cell over a padded batch in one or both directions.

The cell itself is called once for each pass, with everything that it reads, and takes its parameters inside this call,
by their names. So whatever stands between the parameters and what is computed has its say: forward hooks that make a
weight of others (`torch.nn.utils.prune`, `weight_norm`), parametrizations, the plain tensors of the replicas of
`nn.DataParallel`, and a module around the cell, as PEFT's `target_parameters` put one there.

The backward direction starts at the last real token, never on padding, and a left-padded batch, or one with holes, is
read as if the padding were not there. How, is each path's own (see `paths.py`). The fused path reads only dense rows,
so a direction first brings each sequence's own first step (its last, when it reads backwards) to position 0 by
gathering rows, runs the cell, and gathers the outputs back. No packing on the hot path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import cast

import torch
from torch import nn
from transformers import initialization as init

from .configuration_rnn import RecurrentConfig
from .paths import CompiledLayer, choose_path, compiled_layer
from .steps import Gather, State, Steps, gather_rows
from .tracing import over_time, recorded, shape_of


__all__ = ["Cell", "OneStep", "fused_arguments", "last_steps"]


def fused_arguments(
    inputs: torch.Tensor, weights: list[torch.Tensor], state: State
) -> tuple[bool, int, float, bool, bool]:
    """What torch's kernels are told for a direction: has_biases, num_layers, dropout, train, bidirectional."""
    # cuDNN keeps what a backward pass needs only when told to "train", whatever the mode of the module.
    differentiable = any(tensor.requires_grad for tensor in (inputs, *weights, *state))
    return True, 1, 0.0, torch.is_grad_enabled() and differentiable, False


class OneStep(nn.Module):
    """The call of `Cell.step` on the reference path: a module, so that forward hooks see each step's own state."""

    def forward(
        self, cell: Cell, direction: int, projected: torch.Tensor, weights: list[torch.Tensor], state: State
    ) -> State:
        """`cell.step`, of a step of `direction` (0 forward, 1 backward)."""
        return cell.step(projected, weights, state)


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
    # What computes this cell for a whole direction: torch's lstm, gru, rnn_tanh or rnn_relu, or a scan (see
    # `cells.MinimalCell`); None: nothing does.
    kernel: str | None = None
    # The operator of ONNX that computes it (LSTM, GRU or RNN; None: none does), and the order that it wants gates in.
    onnx_operator: str | None = None
    onnx_gates: tuple[int, ...] = (0,)

    def __init__(self, config: RecurrentConfig, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_directions = config.num_directions
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
        # Of each direction, in the order of its `weights`.
        self.weight_names: list[list[str]] = [[] for _ in range(config.num_directions)]
        self.add_weights(shapes)
        self.one_step = OneStep()

    def extra_repr(self) -> str:
        """What `print(model)` shows of a cell: its sizes, and whether it reads both ways."""
        return f"input_size={self.input_size}, hidden_size={self.hidden_size}, num_directions={self.num_directions}"

    def add_weights(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Give each direction a parameter for each name (such as "weight_ih", kept as `weight_ih_l0` and
        `weight_ih_l0_reverse`) of the shape; they come last in `weights`.
        """
        for names, suffix in zip(self.weight_names, ("", "_reverse"), strict=False):
            for name, shape in shapes.items():
                names.append(f"{name}_l0{suffix}")
                self.register_parameter(names[-1], nn.Parameter(torch.empty(shape)))

    def weights(self, direction: int) -> list[torch.Tensor]:
        """The parameters of `direction` (0 forward, 1 backward): W_x, W_h, b_x, b_h and what a subclass adds.

        Without `config.recurrent_weights` they are W_x, b_x and what a subclass adds.
        """
        return [getattr(self, name) for name in self.weight_names[direction]]

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

    def forward(
        self, inputs: torch.Tensor, steps: Steps, state: State | None = None, return_state: bool = False
    ) -> tuple[torch.Tensor, State]:
        """Every direction's pass over a batch.

        Args:
            inputs: (batch, time, features).
            steps: Which of the steps are real.
            state: What each direction starts from: h, and c for an LSTM, each (batch, directions, units); None: zeros.
            return_state: Whether the whole state at each sequence's own last step is wanted.

        Returns:
            The output of every step (batch, time, directions * units), zero at the padding, and the state at each
            sequence's own last step; without `return_state` its first part may be the only one.

        Raises:
            ValueError: for a state that is another cell's, or of another shape.
        """
        state = self._initial_state(inputs, state)
        # Once for each pass, so that every path and every step of it has the same.
        weights = [self.drawn_weights(direction) for direction in range(self.num_directions)]
        path = choose_path(self.kernel, inputs, *state, *chain.from_iterable(weights))
        if shape_of(inputs)[1] == 0:
            return inputs.new_zeros(len(inputs), 0, self.num_directions * self.hidden_size), state
        if path == "compiled":
            return cast(CompiledLayer, compiled_layer())(self, weights, inputs, steps, state)
        return self._by_direction(weights, inputs, steps, state, path == "reference", return_state)

    def run_fused(self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State) -> tuple[torch.Tensor, State]:
        """Every step at once, by torch's kernel; a cell with another way has its own.

        Args:
            inputs: (batch, time, features), dense.
            weights: Those of the direction, see `drawn_weights`.
            state: The state before the first step, each (batch, units).

        Returns:
            h_t for every step (batch, time, units), and the state after the last of the `time` steps.
        """
        initial = state[0].unsqueeze(0)
        kernel = getattr(torch, cast(str, self.kernel))
        outputs, h = kernel(inputs, initial, weights, *fused_arguments(inputs, weights, state), True)
        return outputs, (h.squeeze(0),)

    def run_packed(
        self, inputs: torch.Tensor, weights: list[torch.Tensor], state: State, steps: Steps
    ) -> tuple[torch.Tensor, State]:
        """As `run_fused`, but the state returned is the one after each sequence's own last step."""
        outputs, _ = self.run_fused(inputs, weights, state)
        return outputs, (last_steps(outputs, steps.lengths, state[0]),)

    def _initial_state(self, inputs: torch.Tensor, state: State | None) -> State:
        if state is None:
            zeros = inputs.new_zeros(inputs.shape[0], self.num_directions, self.hidden_size)
            return (zeros,) * self.num_states
        shape = (shape_of(inputs)[0], self.num_directions, self.hidden_size)
        # torch's fused kernels do not check: they read past the end of a state of too few sequences.
        if [shape_of(part) for part in state] != [shape] * self.num_states:
            raise ValueError(
                f"`cache` holds {[shape_of(part) for part in state]} for a layer; this one takes "
                f"{[shape] * self.num_states}: (batch, directions, units) of h, and of c for an LSTM."
            )
        return tuple(part.to(inputs) for part in state)

    def _by_direction(
        self,
        weights: list[list[torch.Tensor]],
        inputs: torch.Tensor,
        steps: Steps,
        state: State,
        stepwise: bool,
        return_state: bool,
    ) -> tuple[torch.Tensor, State]:
        runs = []
        for direction, own in enumerate(weights):
            start = tuple(part[:, direction] for part in state)
            if stepwise:
                runs.append(self._read_stepwise(own, inputs, direction, steps, start))
            else:
                runs.append(self._read_fused(own, inputs, steps.orders[direction], steps, start, return_state))
        outputs = runs[0][0] if len(runs) == 1 else torch.cat([run[0] for run in runs], dim=2)
        finals = tuple(torch.stack(parts, dim=1) for parts in zip(*(run[1] for run in runs), strict=True))
        return steps.clear_padding(outputs), finals

    def _read_stepwise(
        self, weights: list[torch.Tensor], inputs: torch.Tensor, direction: int, steps: Steps, state: State
    ) -> tuple[torch.Tensor, State]:
        # Padding is skipped where it stands: the state passes over it unchanged.
        def step(state: State, values: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> State:
            after = self.one_step(self, direction, values[0], list(weights), state)
            if len(values) == 1:
                return after
            return tuple(torch.where(values[1], old, new) for old, new in zip(state, after, strict=True))

        projected = self.project(inputs, weights)
        if steps.padding is None and projected.shape[1] == 1 and not recorded():
            # A step of generation: nothing goes over time.
            state = step(state, [projected.squeeze(1)], weights)
            return state[0].unsqueeze(1), state
        sequences = [projected] if steps.padding is None else [projected, steps.padding.unsqueeze(2)]
        return over_time(step, state, sequences, weights, dim=1, reverse=direction == 1)

    def _read_fused(
        self,
        weights: list[torch.Tensor],
        inputs: torch.Tensor,
        order: Gather | None,
        steps: Steps,
        state: State,
        return_state: bool,
    ) -> tuple[torch.Tensor, State]:
        # Without `return_state` the final state is h alone: c would cost packing.
        if order is not None:
            inputs = gather_rows(inputs, order.index)
        if return_state and steps.padding is not None:
            outputs, final = self.run_packed(inputs, weights, state, steps)
        else:
            outputs, final = self.run_fused(inputs, weights, state)
            if steps.padding is not None:
                final = (last_steps(outputs, steps.lengths, state[0]),)
        if order is not None:
            outputs = gather_rows(outputs, order.inverse)
        return outputs, final


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


def _gates(weight: torch.Tensor, count: int) -> list[torch.Tensor]:
    # Empty tensors of the shape of one gate; the fan-in and fan-out of an initialiser are a gate's own.
    rows = len(weight) // count
    return [torch.empty(rows, *weight.shape[1:], dtype=weight.dtype, device=weight.device) for _ in range(count)]
