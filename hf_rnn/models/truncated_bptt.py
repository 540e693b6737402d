"""Truncated back-propagation through time inside one long sequence, with bounded memory (Williams & Peng 1990).

The sequence is cut into chunks of so many steps. Every value of the forward pass is what it is without the cut: the
state goes from chunk to chunk. The gradient of the state stops at the end of a chunk. What a chunk computes inside is
forgotten and computed a second time in the backward pass, so only one chunk of a layer is in memory at a time, beside
the inputs and outputs of the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .steps import State, Steps


__all__ = ["Read", "TruncatedLayer", "read_in_chunks", "require_truncation", "truncated_backpropagation"]


# Computes a layer's outputs (batch, time, directions * units) and final state of (features, steps, return_state, and
# the parts of the state before the first step).
Read = Callable[..., tuple[torch.Tensor, State]]


class TruncatedLayer(nn.Module):
    """A layer that can be told to truncate back-propagation.

    Attributes:
        bptt_steps: The steps of a chunk in training; None: the whole sequence at once.
    """

    bptt_steps: int | None = None


def require_truncation(model: nn.Module, steps: int) -> None:
    """Raises:
    ValueError: `model` has no recurrent layers, is an encoder-decoder, which may read its targets step by step, or its
        cells drop weights, of which all the steps of a sequence must have one mask.
    """
    name, layers = type(model).__name__, _layers(model)
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise ValueError(f"`bptt_steps`={steps} must be absent for a {name}: it is for texts that are read alone.")
    if not layers:
        raise ValueError(f"`bptt_steps`={steps} must be absent for a {name}, which has no recurrent layers of ours.")
    if any(getattr(module, "weight_dropout", 0) for layer in layers for module in layer.modules()):
        raise ValueError(
            f"`bptt_steps`={steps} must be absent for a {name} with `weight_dropout`: the steps of a text have one "
            "mask, and each chunk would draw another."
        )


def _layers(model: nn.Module) -> list[TruncatedLayer]:
    return [module for module in model.modules() if isinstance(module, TruncatedLayer)]


@contextmanager
def truncated_backpropagation(model: nn.Module, steps: int | None) -> Iterator[None]:
    """Let the recurrent layers of `model` back-propagate through chunks of `steps` steps inside the block, wherever
    they are in training mode; None changes nothing.
    """
    layers = [] if steps is None else _layers(model)
    for layer in layers:
        layer.bptt_steps = steps
    try:
        yield
    finally:
        for layer in layers:
            layer.bptt_steps = None


def read_in_chunks(
    read: Read, features: torch.Tensor, steps: Steps, length: int, state: State
) -> tuple[torch.Tensor, State]:
    """Call `read` chunk by chunk; the values are those of one call.

    Args:
        read: Computes a layer; it is called again in the backward pass.
        features: (batch, time, features).
        steps: Which of the steps are real.
        length: Steps of a chunk.
        state: What each direction starts from, each part (batch, directions, units). Its gradient is that of the first
            chunk that a direction reads.

    Returns:
        The output of every step (batch, time, directions * units), and each direction's final state.
    """
    directions = state[0].shape[1]
    chunks = list(_chunks(features, steps, length, directions))
    if directions == 1:
        outputs = []
        for chunk in chunks:
            made, reached = _remembered(read, chunk, state)
            outputs.append(made)
            state = _detached(reached)
        return torch.cat(outputs, dim=1), reached
    # From the left the forward direction alone is followed, for the states that it enters the chunks with.
    entered = [state]
    with torch.no_grad():
        for chunk in chunks[:-1]:
            entered.append(read(*chunk, True, *entered[-1])[1])
    outputs, ends = [], []
    coming = state
    for chunk, begun in zip(reversed(chunks), reversed(entered), strict=True):
        made, reached = _remembered(read, chunk, _joined(begun, coming))
        outputs.append(made)
        ends.append(reached)
        coming = _detached(reached)
    return torch.cat(outputs[::-1], dim=1), _joined(ends[0], ends[-1])


def _chunks(
    features: torch.Tensor, steps: Steps, length: int, directions: int
) -> Iterator[tuple[torch.Tensor, Steps]]:
    # Split at once: the gradient of each slice of its own would be as long as the whole text.
    parts = features.split(length, dim=1)
    padding = [None] * len(parts) if steps.padding is None else steps.padding.split(length, dim=1)
    for part, padded in zip(parts, padding, strict=True):
        real = torch.ones(part.shape[:2], dtype=torch.bool, device=part.device) if padded is None else ~padded
        yield part, Steps.of(real, directions)


def _remembered(read: Read, chunk: tuple[torch.Tensor, Steps], state: State) -> tuple[torch.Tensor, State]:
    # Only what goes in is kept for the backward pass.
    found: tuple[torch.Tensor, State] = checkpoint(read, *chunk, True, *state, use_reentrant=False)
    return found


def _detached(state: State) -> State:
    return tuple(part.detach() for part in state)


def _joined(forward: State, backward: State) -> State:
    """The forward direction of the one state, and the backward direction of the other."""
    pairs = zip(forward, backward, strict=True)
    return tuple(torch.stack([left[:, 0], right[:, 1]], dim=1) for left, right in pairs)
