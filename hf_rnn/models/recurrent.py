"""One recurrent layer over padded batches, exact: what a sequence's output is never depends on what it is batched
with (see `cell.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .cells import CELLS
from .configuration_rnn import RecurrentConfig
from .paths import forced_path, recurrent_path
from .steps import State, Steps
from .truncated_bptt import TruncatedLayer, read_in_chunks


__all__ = ["LockedDropout", "RecordedStates", "RecurrentLayer", "StackedLayer", "held_masks"]


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
        self._held: list[torch.Tensor] | None = None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if not self.training or self.probability == 0:
            return features
        if not self.locked:
            return nn.functional.dropout(features, self.probability)
        if self._held:
            return features * self._held[0]
        kept = 1 - self.probability
        mask = features.new_empty(features.shape[0], 1, features.shape[2]).bernoulli_(kept).div_(kept)
        if self._held is not None:
            self._held.append(mask)
        return features * mask

    def extra_repr(self) -> str:
        return f"probability={self.probability}, locked={self.locked}"


@contextmanager
def held_masks(module: nn.Module) -> Iterator[None]:
    """Let each locked dropout in `module` keep its mask for all calls inside the block: the steps of one sequence,
    where they are computed one after the other.
    """
    dropouts = [each for each in module.modules() if isinstance(each, LockedDropout)]
    for dropout in dropouts:
        dropout._held = []
    try:
        yield
    finally:
        for dropout in dropouts:
            dropout._held = None


class RecordedStates(nn.Module):
    """What makes one of a model's `hidden_states` (batch, time, features): its output, or the first of several."""


class RecurrentLayer(TruncatedLayer, GradientCheckpointingLayer):
    """One layer in one or both directions.

    Args:
        config: The model's configuration.
        index: Which layer of the stack, from 0; from the second on `config.dropout` is applied to what comes in.
        further_inputs: Features that the first layer reads beside those of `config`.
    """

    def __init__(self, config: RecurrentConfig, index: int, further_inputs: int = 0) -> None:
        super().__init__()
        self.merge = config.merge
        self.num_directions = config.num_directions
        self.dropout = LockedDropout(config.dropout if index > 0 else 0.0, config.locked_dropout)
        input_size = config.input_size + further_inputs if index == 0 else config.layer_output_size(index - 1)
        self.cell = CELLS[config.cell](config, input_size, config.layer_sizes[index])
        self.hidden_size, self.num_states = self.cell.hidden_size, self.cell.num_states

    def extra_repr(self) -> str:
        return f"merge={self.merge}" if self.num_directions == 2 else ""

    def read(
        self, hidden_states: torch.Tensor, steps: Steps, state: State | None = None, return_state: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, State]:
        """Args:
            hidden_states: (batch, time, features).
            steps: Which of the steps are real.
            state: What each direction starts from: h, and c for an LSTM, each (batch, directions, units); None: zeros.
            return_state: Whether the state at each sequence's own last step is wanted.

        Returns:
            The output of every step (batch, time, units or 2 * units), zero at the padding; each direction's own final
            hidden state (batch, directions, units); and the state, if it was not asked for perhaps h alone.

        Raises:
            ValueError: for a state that is another cell's, or of another shape.
        """
        # The mask of the dropout may be held, and the path forced, for this call alone: neither is left to `forward`,
        # which gradient checkpointing computes a second time, later.
        features = self.dropout(hidden_states)
        outputs, *finals = self(features, steps, return_state, forced_path(), *(state or ()))
        return outputs, finals[0], tuple(finals)

    def forward(
        self,
        features: torch.Tensor,
        steps: Steps,
        return_state: bool = False,
        path: str | None = None,
        *state: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Compute what [`RecurrentLayer.read`] returns, of the `features` after dropout, by the `path` that is forced,
        if one is. The state's parts are arguments of their own, and so are they among what is returned: gradient
        checkpointing finds no tensor in a tuple.
        """

        def read(
            features: torch.Tensor, steps: Steps, return_state: bool, *state: torch.Tensor
        ) -> tuple[torch.Tensor, State]:
            with nullcontext() if path is None else recurrent_path(path):
                # The cell may be wrapped in another module, so it is only called.
                found: tuple[torch.Tensor, State] = self.cell(features, steps, state or None, return_state)
            return found

        length = self.bptt_steps if self.training and torch.is_grad_enabled() else None
        if length is not None and features.shape[1] > length:
            zeros = features.new_zeros(len(features), self.num_directions, self.hidden_size)
            outputs, finals = read_in_chunks(read, features, steps, length, state or (zeros,) * self.num_states)
        else:
            outputs, finals = read(features, steps, return_state, *state)
        return (self._merge(outputs), *finals)

    def _merge(self, outputs: torch.Tensor) -> torch.Tensor:
        if self.num_directions == 1 or self.merge == "concat":
            return outputs
        forward, backward = outputs.chunk(2, dim=2)
        return forward + backward


class StackedLayer(RecordedStates, RecurrentLayer):
    """A layer of the stack; a character encoder has one that is not of it, whose outputs are no `hidden_states`."""
