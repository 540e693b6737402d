"""Models recorded by `torch.jit.trace` or `torch.export`: once, from an example, for every batch and every length.

A recording knows nothing of what Python decides while it is made. So where a model would look at the values of its
inputs to save work, as where nothing is padded, it asks `recorded` first and goes the way that is right for all; and a
loop of as many turns as there are steps is one of `over_time`.
"""

# No `from __future__ import annotations` here: `torch.jit.script` reads `list[torch.Tensor]` as a type, not a string.

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch


__all__ = ["Tensors", "as_size", "over_time", "recorded", "shape_of"]


Tensors = Sequence[torch.Tensor]
# A step takes the state before it, what the sequences hold at it and what is the same at all, and gives the state
# after it.
Step = Callable[[tuple[torch.Tensor, ...], Tensors, Tensors], tuple[torch.Tensor, ...]]


def recorded() -> bool:
    """Whether torch records what is computed here: `torch.jit.trace`, or `torch.export` in either of its modes."""
    return torch.jit.is_tracing() or torch.compiler.is_exporting()


def shape_of(tensor: torch.Tensor) -> tuple[int, ...]:
    """The shape, for checks and what they say: of a trace's example, without a record of it; symbolic in an export."""
    if not torch.jit.is_tracing():
        return tuple(tensor.shape)
    with _unrecorded():
        return tuple(tensor.shape)


def as_size(number: torch.Tensor) -> int:
    """Turn a whole number () of at least 1 into a size; in a recording it is then that of whatever is read."""
    if torch.jit.is_tracing():
        return cast(int, number)
    size = cast(int, number.item())
    torch._check(size >= 1)
    return size


@contextmanager
def _unrecorded() -> Iterator[None]:
    # Inside, a trace that is being made does not see what is done.
    tracer = cast(Any, torch._C)
    state = tracer._get_tracing_state()
    tracer._set_tracing_state(None)
    try:
        yield
    finally:
        tracer._set_tracing_state(state)


def over_time(
    step: Step,
    state: tuple[torch.Tensor, ...],
    sequences: Tensors,
    constants: Tensors,
    dim: int,
    reverse: bool = False,
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """A recurrence, a step at a time: a loop in Python, and in a recording one over as many steps as it is given.

    Args:
        step: Computes the state after a step from the state before it, the values of the `sequences` at it, and the
            `constants`. It may look at no other tensor.
        state: What is there before the first step.
        sequences: Tensors with at least one step in the dimension `dim`.
        constants: What every step needs, such as weights.
        dim: The dimension of time in the `sequences`, and in what is returned.
        reverse: Whether the last step is the first one read.

    Returns:
        The first part of the state after each step, where that step stands, and the state after the step read last.
    """
    if torch.jit.is_tracing():
        return _traced(step, state, sequences, constants, dim, reverse)
    if torch.compiler.is_exporting():
        return _exported(step, state, sequences, constants, dim, reverse)
    turns = list(zip(*(sequence.unbind(dim) for sequence in sequences), strict=True))
    outputs = [state[0]] * len(turns)
    for turn in reversed(range(len(turns))) if reverse else range(len(turns)):
        state = step(state, turns[turn], constants)
        outputs[turn] = state[0]
    return torch.stack(outputs, dim), state


def _from_first(sequences: Tensors, dim: int, reverse: bool) -> list[torch.Tensor]:
    # (time, …), the step that is read first at 0.
    moved = [sequence.movedim(dim, 0) for sequence in sequences]
    return [sequence.flip(0) for sequence in moved] if reverse else moved


def _exported(
    step: Step, state: tuple[torch.Tensor, ...], sequences: Tensors, constants: Tensors, dim: int, reverse: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    # Imported here, because that takes long.
    from torch._higher_order_ops.scan import scan_op

    parts, given = len(state), len(state) + len(sequences)

    def turn(*values: torch.Tensor) -> list[torch.Tensor]:
        after = step(values[:parts], values[parts:given], list(values[given:]))
        return [*after, after[0].clone()]

    # The function around this operator is not called: its compiler knows no length that depends on values, as a word's
    # does. Nothing that it is given may be given twice.
    *final, outputs = scan_op(
        turn, [part.clone() for part in state], _from_first(sequences, dim, reverse), tuple(constants)
    )
    return (outputs.flip(0) if reverse else outputs).movedim(0, dim), tuple(final)


def _traced(
    step: Step, state: tuple[torch.Tensor, ...], sequences: Tensors, constants: Tensors, dim: int, reverse: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    moved = _from_first(sequences, dim, reverse)
    with _unrecorded(), warnings.catch_warnings():
        # That `torch.jit` is no longer developed, whoever traces is told at that.
        warnings.simplefilter("ignore", DeprecationWarning)
        example = (state, [sequence[0] for sequence in moved], constants)
        detached = tuple([part.detach().clone() for part in parts] for parts in example)
        # The trace is not strict: it takes and gives lists.
        one = torch.jit.trace(
            lambda state, values, constants: list(step(tuple(state), values, constants)),
            detached,
            check_trace=False,
            strict=False,
        )
        loop = torch.jit.script(_loop_of(one))
    outputs, final = loop(list(state), moved, list(constants))
    return (outputs.flip(0) if reverse else outputs).movedim(0, dim), tuple(final)


def _loop_of(one: Any) -> Callable[..., Any]:
    def loop(
        state: list[torch.Tensor], sequences: list[torch.Tensor], constants: list[torch.Tensor]
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        outputs: list[torch.Tensor] = []
        for turn in range(sequences[0].size(0)):
            state = one(state, [sequence[turn] for sequence in sequences], constants)
            outputs.append(state[0])
        return torch.stack(outputs), state

    return loop
