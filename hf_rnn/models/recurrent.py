"""One recurrent layer over padded batches, exact: what a sequence's output is never depends on what it is batched
with.

The backward direction starts at the last real token, never on padding, and a left-padded batch, or one with holes, is
read as if the padding were not there. How, is each path's own (see `paths.py`). torch's kernels read only dense rows,
so a direction first brings each sequence's own first step (its last, when it reads backwards) to position 0 by
gathering rows, runs the cell, and gathers the outputs back. No packing on the hot path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .cells import CELLS, State, last_steps
from .configuration_rnn import RecurrentConfig
from .paths import CompiledLayer, choose_path, compiled_layer
from .tracing import over_time, recorded, shape_of


__all__ = ["LockedDropout", "RecordedStates", "RecurrentLayer", "StackedLayer", "Steps"]


@dataclass
class Gather:
    """A permutation of the (batch * time) rows that puts a direction's first step first, and its inverse."""

    index: torch.Tensor
    inverse: torch.Tensor

    @classmethod
    def of(cls, order: torch.Tensor) -> Gather:
        """Make it of `order` (batch, time), the step that stands at each position."""
        batch, time = order.shape
        positions = torch.arange(time, device=order.device).expand(batch, time)
        inverse = torch.empty_like(order).scatter_(1, order, positions)
        first_rows = time * torch.arange(batch, device=order.device).unsqueeze(1)
        return cls((order + first_rows).flatten(), (inverse + first_rows).flatten())


def gather_rows(features: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of (batch, time, features) by flat index: far faster than `gather` on an expanded index."""
    return features.flatten(0, 1).index_select(0, index).view(features.shape)


@dataclass
class Steps:
    """The steps of a padded batch that are real, and the order in which each direction reads them.

    Attributes:
        padding: (batch, time), True where there is no token; None when every step is real.
        lengths: (batch), the real steps of each sequence.
        orders: For each direction how to gather it; None where the batch already lies as the direction reads it.
        schedules: What the compiled path has worked out from these for a number of threads, for the next layer.
    """

    padding: torch.Tensor | None
    lengths: torch.Tensor
    orders: tuple[Gather | None, ...]
    schedules: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, mask: torch.Tensor, num_directions: int) -> Steps:
        """Make it of `mask` (batch, time), true where there is a token: right-padded, left-padded or with holes."""
        mask = mask.bool()
        batch, time = mask.shape
        # A recording is for every mask.
        full = not recorded() and bool(mask.all())
        if num_directions == 1 and full:
            return cls(None, torch.full((batch,), time, device=mask.device), (None,))
        lengths = mask.sum(1)
        positions = torch.arange(time, device=mask.device).expand(batch, time)
        compact = not recorded() and bool((mask == (positions < lengths.unsqueeze(1))).all())
        orders: list[Gather | None] = [None]
        # Real steps first, in their order.
        order = positions if compact else torch.argsort(~mask, dim=1, stable=True)
        if not compact:
            orders = [Gather.of(order)]
        if num_directions == 2:
            last = lengths.unsqueeze(1) - 1
            reverse = torch.where(positions <= last, last - positions, positions)
            orders.append(Gather.of(order.gather(1, reverse)))
        return cls(None if full else ~mask, lengths, tuple(orders))

    def clear_padding(self, features: torch.Tensor) -> torch.Tensor:
        """Zeros in place of the padding of (batch, time, features)."""
        if self.padding is None:
            return features
        return features.masked_fill(self.padding.unsqueeze(2), 0)


class LockedDropout(nn.Module):
    """Dropout of (batch, time, features) with one mask for all the steps of a sequence (Gal & Ghahramani 2016).

    Args:
        probability: Share of the features that is zeroed in training; the rest is scaled by 1 / (1 - probability).
        locked: False: a fresh mask at each step, as `nn.Dropout`.
    """

    def __init__(self, probability: float, locked: bool = True) -> None:
        super().__init__()
        self.probability = probability
        self.locked = locked

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or self.probability == 0:
            return features
        if not self.locked:
            return nn.functional.dropout(features, self.probability)
        kept = 1 - self.probability
        mask = features.new_empty(features.shape[0], 1, features.shape[2]).bernoulli_(kept).div_(kept)
        return features * mask

    def extra_repr(self) -> str:
        return f"probability={self.probability}, locked={self.locked}"


class RecordedStates(nn.Module):
    """What makes one of a model's `hidden_states` (batch, time, features): its output, or the first of several."""


class RecurrentLayer(GradientCheckpointingLayer):
    """One layer in one or both directions.

    Args:
        config: The model's configuration.
        index: Which layer of the stack, from 0; from the second on `config.dropout` is applied to what comes in.
    """

    def __init__(self, config: RecurrentConfig, index: int) -> None:
        super().__init__()
        self.merge = config.merge
        self.num_directions = config.num_directions
        self.dropout = LockedDropout(config.dropout if index > 0 else 0.0, config.locked_dropout)
        input_size = config.input_size if index == 0 else config.layer_output_size(index - 1)
        self.cell = CELLS[config.cell](config, input_size, config.layer_sizes[index])

    def forward(
        self, hidden_states: torch.Tensor, steps: Steps, state: State | None = None, return_state: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, State | None]:
        """Args:
            hidden_states: (batch, time, features).
            steps: Which of the steps are real.
            state: What each direction starts from: h, and c for an LSTM, each (batch, directions, units); None: zeros.
            return_state: Whether the state at each sequence's own last step is wanted.

        Returns:
            The output of every step (batch, time, units or 2 * units), zero at the padding; each direction's own final
            hidden state (batch, directions, units); and the state if it was asked for.

        Raises:
            ValueError: for a state that is another cell's, or of another shape.
        """
        inputs = self.dropout(hidden_states)
        state = self._initial_state(inputs, state)
        # Once for each pass, so that every path and every step of it has the same.
        weights = [self.cell.drawn_weights(direction) for direction in range(self.num_directions)]
        path = choose_path(self.cell.kernel, inputs, *state, *chain.from_iterable(weights))
        if shape_of(inputs)[1] == 0:
            outputs, finals = inputs.new_zeros(len(inputs), 0, self.num_directions * self.cell.hidden_size), state
        elif path == "compiled":
            outputs, finals = cast(CompiledLayer, compiled_layer())(self.cell, weights, inputs, steps, state)
        else:
            outputs, finals = self._by_direction(weights, inputs, steps, state, path == "reference", return_state)
        return self._merge(outputs), finals[0], finals if return_state else None

    def _initial_state(self, inputs: torch.Tensor, state: State | None) -> State:
        if state is None:
            zeros = inputs.new_zeros(inputs.shape[0], self.num_directions, self.cell.hidden_size)
            return (zeros,) * self.cell.num_states
        shape = (shape_of(inputs)[0], self.num_directions, self.cell.hidden_size)
        # torch's fused kernels do not check: they read past the end of a state of too few sequences.
        if [shape_of(part) for part in state] != [shape] * self.cell.num_states:
            raise ValueError(
                f"`cache` holds {[shape_of(part) for part in state]} for a layer; this one takes "
                f"{[shape] * self.cell.num_states}: (batch, directions, units) of h, and of c for an LSTM."
            )
        return tuple(part.to(inputs) for part in state)

    def _merge(self, outputs: torch.Tensor) -> torch.Tensor:
        if self.num_directions == 1 or self.merge == "concat":
            return outputs
        forward, backward = outputs.chunk(2, dim=2)
        return forward + backward

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
            after = self.cell(values[0], weights, state)
            if len(values) == 1:
                return after
            return tuple(torch.where(values[1], old, new) for old, new in zip(state, after, strict=True))

        projected = self.cell.project(inputs, weights)
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
            outputs, final = self.cell.run_packed(inputs, weights, state, steps.lengths)
        else:
            outputs, final = self.cell.run_fused(inputs, weights, state)
            if steps.padding is not None:
                final = (last_steps(outputs, steps.lengths, state[0]),)
        if order is not None:
            outputs = gather_rows(outputs, order.inverse)
        return outputs, final


class StackedLayer(RecordedStates, RecurrentLayer):
    """A layer of the stack; a character encoder has one that is not of it, whose outputs are no `hidden_states`."""
