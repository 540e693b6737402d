"""A linear recurrence for all steps at once."""

from __future__ import annotations

import torch

from .tracing import Tensors, over_time


__all__ = ["linear_scan"]


def linear_scan(kept: torch.Tensor, added: torch.Tensor, initial: torch.Tensor) -> torch.Tensor:
    """h_t = kept_t ∗ h_{t-1} + added_t for every step, in about 2 log2(time) operations on whole tensors.

    Two steps in a row are one of the same form: h_{t+1} = (kept_{t+1} ∗ kept_t) ∗ h_{t-1} + (kept_{t+1} ∗ added_t +
    added_{t+1}). So every second state is that of a recurrence of half the steps, and the others are one step further
    (odd-even reduction, Blelloch 1993, https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf). Nothing is divided, and no
    logarithm is taken: the numbers are those of the plain loop but for rounding. It is differentiable.

    What `torch.jit.trace` records is the plain loop, which is right for every number of steps.

    Args:
        kept: (batch, time, units), with at least one step.
        added: (batch, time, units).
        initial: (batch, units), the state before the first step.

    Returns:
        h_t (batch, time, units).
    """
    if torch.jit.is_tracing():
        # A trace takes no list of nothing: the constants have a tensor that no step looks at.
        return over_time(_step, (initial,), [kept, added], [initial], dim=1)[0]
    time = kept.shape[1]
    if time == 1:
        return kept * initial.unsqueeze(1) + added
    second = kept[:, 1::2]
    pairs = second.shape[1]
    of_pairs = second * kept[:, : 2 * pairs : 2], second * added[:, : 2 * pairs : 2] + added[:, 1::2]
    after_pairs = linear_scan(*of_pairs, initial)
    before = torch.cat([initial.unsqueeze(1), after_pairs[:, : time - pairs - 1]], dim=1)
    after_first = kept[:, ::2] * before + added[:, ::2]
    paired = torch.stack([after_first[:, :pairs], after_pairs], dim=2).flatten(1, 2)
    return paired if time % 2 == 0 else torch.cat([paired, after_first[:, pairs:]], dim=1)


def _step(state: tuple[torch.Tensor, ...], values: Tensors, constants: Tensors) -> tuple[torch.Tensor, ...]:
    kept, added = values
    return (kept * state[0] + added,)
