"""The bridge from an encoder to a decoder: the state that the decoder starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from .cells import CELLS
from .configuration_seq2seq import RecurrentEncoderDecoderConfig
from .steps import State


__all__ = ["Bridge", "flat_state", "state_shapes", "unflat_state"]


class Bridge(nn.Module):
    """The decoder's initial state from the final states of an encoder's layers and directions.

    With `config.bridge` "dense" each part of each layer's state has a layer of its own (Bahdanau et al. 2015, A.2.2,
    of the forward as well as the backward direction):

        h = tanh(W [h_forward; h_backward] + b),    c = W' [c_forward; c_backward] + b'

    The topmost layers are joined, and so on downwards; a decoder with more layers starts the lowest of them from the
    encoder's first. An encoder without c gives h in its place. One without a recurrence has no layers with states: its
    pooled vector stands for h, and all of the decoder's layers start from it.
    """

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__()
        self.kind = config.bridge
        widths = config.final_sizes
        self.shapes = state_shapes(config)
        above = len(widths) - len(self.shapes)
        # Which of the encoder's layers each of the decoder's starts from.
        self.origins = [max(0, number + above) for number in range(len(self.shapes))]
        self.layers = nn.ModuleList()
        if self.kind == "dense":
            for origin, (parts, units) in zip(self.origins, self.shapes, strict=True):
                self.layers.append(nn.ModuleList(nn.Linear(widths[origin], units) for _ in range(parts)))

    def forward(self, finals: Sequence[State]) -> list[State]:
        """Args:
            finals: The state of each of the encoder's layers: h, and c of an LSTM, each (batch, directions, units); of
                an encoder without a recurrence a single state with a single part, its pooled vector.

        Returns:
            That of each of the decoder's layers, each part (batch, 1, units).
        """
        if self.kind == "none":
            # In the type and on the device of the encoder's.
            first = finals[0][0]
            return [tuple(first.new_zeros(len(first), 1, units) for _ in range(parts)) for parts, units in self.shapes]
        starts: list[State] = []
        for number, origin in enumerate(self.origins):
            given = [part.flatten(1) for part in finals[origin]]
            if self.kind == "dense":
                h, *cells = cast(nn.ModuleList, self.layers[number])
                given = [h(given[0]).tanh(), *(layer(given[-1]) for layer in cells)]
            starts.append(tuple(part.unsqueeze(1) for part in given))
        return starts


def state_shapes(config: RecurrentEncoderDecoderConfig) -> list[tuple[int, int]]:
    """Count the parts of the state of each layer of the decoder, and the units of a part."""
    return [(CELLS[config.writes.cell].num_states, units) for units in config.writes.layer_sizes]


def flat_state(states: Sequence[State]) -> torch.Tensor:
    """The states of layers as one tensor (batch, units of all parts)."""
    return torch.cat([part.flatten(1) for state in states for part in state], dim=1)


def unflat_state(flat: torch.Tensor, shapes: Sequence[tuple[int, int]]) -> list[State]:
    """What [`flat_state`] was made of: parts (batch, 1, units)."""
    sizes = [units for parts, units in shapes for _ in range(parts)]
    if flat.dim() != 2 or flat.shape[1] != sum(sizes):
        raise ValueError(
            f"`encoder_outputs.initial_state` has shape {tuple(flat.shape)}; it must be (batch, {sum(sizes)}), the "
            "parts of the decoder's states beside each other."
        )
    parts = iter(part.unsqueeze(1) for part in flat.split(sizes, dim=1))
    return [tuple(next(parts) for _ in range(count)) for count, _ in shapes]
