"""The forward pass of a conditional random field by matrix products (Rabiner 1989, section III.A, with the running
maximum in place of his scaling), and its gradient by the backward pass.

In logarithms a step is α_t[j] = log Σ_i exp(α_{t-1}[i] + transition[i, j]) + e_t[j], for which torch makes a table of
(batch, labels, labels) numbers at every step and keeps it for the gradient. With m = max_i α_{t-1}[i], c[j] =
max_i transition[i, j], p[i] = exp(α_{t-1}[i] - m) and F[i, j] = exp(transition[i, j] - c[j]), the sum is the matrix
product x = p F, and α_t = m + c + log x + e_t. The gradient of α_{t-1} is p · (F q) with q = g / x, where g is the
gradient of α_t, and the gradient of the transitions is F · (pᵀ q), one product over all steps. A label whose x is too
small to be exact is reached in logarithms, and it alone: with many types each sentence soon has some.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable


__all__ = ["forward_scores"]


def forward_scores(
    first: torch.Tensor,
    transition: torch.Tensor,
    emissions: torch.Tensor,
    forbidden: float,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """log Σ exp(score) of all paths up to and with each label at each step, (groups, batch, time, labels).

    The result can be differentiated once.

    Args:
        first: (groups, labels), the score of a path's first label.
        transition: (groups, labels, labels), that of each label before and after.
        emissions: (groups, batch, time, labels), of at least one step.
        forbidden: The score of what is forbidden; its exponential is 0, and half of it is no score of anything else.
        mask: (batch, time), True where the scores are read; the others need not be exact. None: all are.
    """
    dtype = torch.promote_types(torch.promote_types(first.dtype, transition.dtype), emissions.dtype)
    inputs = (values.to(dtype) for values in (first, transition, emissions))
    # Under autocast the products would have the digits of bfloat16, too few for a long sentence.
    with torch.autocast(emissions.device.type, enabled=False):
        scores: torch.Tensor = _ForwardScores.apply(*inputs, forbidden, mask)
    return scores


class _ForwardScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        first: torch.Tensor,
        transition: torch.Tensor,
        emissions: torch.Tensor,
        forbidden: float,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        least = _least_exact(emissions.dtype)
        best = transition.amax(1, keepdim=True)
        factors = (transition - best).exp()
        scores = torch.empty_like(emissions)
        scores[:, :, 0] = first.unsqueeze(1) + emissions[:, :, 0]
        # The labels of each step that were reached in logarithms, as their gradients are.
        slow = {}
        for t in range(1, emissions.shape[2]):
            before, own = scores[:, :, t - 1], emissions[:, :, t]
            highest = before.amax(2, keepdim=True)
            sums = (before - highest).exp() @ factors
            small = sums < least
            # Behind the last label of a sentence there may be no way on, and nobody asks for one.
            read = small if mask is None else small & mask[:, t, None]
            reached = highest + best + sums.log().masked_fill(small, forbidden)
            found = _those_that_matter(read, own, forbidden)
            if found is not None:
                slow[t] = found
                group, row, label = found
                reached[found] = torch.logsumexp(before[group, row] + transition[group, :, label], dim=1)
            torch.add(reached, own, out=scores[:, :, t])
        ctx.save_for_backward(transition, best, factors, emissions, scores)
        ctx.slow = slow
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_scores: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        transition, best, factors, emissions, scores = ctx.saved_tensors
        least = _least_exact(emissions.dtype)
        # What comes after a step adds to its own gradient, from the last step to the first.
        total = of_scores.clone()
        back = factors.transpose(1, 2)
        shares = torch.zeros_like(scores[:, :, 1:])
        parts = torch.zeros_like(shares)
        by_label = torch.zeros_like(transition)
        for t in range(emissions.shape[2] - 1, 0, -1):
            before, gradient = scores[:, :, t - 1], total[:, :, t]
            reached = scores[:, :, t] - emissions[:, :, t]
            highest = before.amax(2, keepdim=True)
            part = (before - highest).exp()
            sums = (reached - highest - best).exp()
            share = torch.where(sums < least, 0, gradient / sums)
            if t in ctx.slow:
                group, row, label = slow = ctx.slow[t]
                share[slow] = 0
                paths = (before[group, row] + transition[group, :, label] - reached[slow].unsqueeze(1)).exp()
                paths = paths * gradient[slow].unsqueeze(1)
                total[:, :, t - 1].index_put_((group, row), paths, accumulate=True)
                by_label.index_put_((group, label), paths, accumulate=True)
            parts[:, :, t - 1], shares[:, :, t - 1] = part, share
            total[:, :, t - 1] += part * (share @ back)
        of_transition = factors * (parts.flatten(1, 2).transpose(1, 2) @ shares.flatten(1, 2))
        of_transition += by_label.transpose(1, 2)
        return total[:, :, 0].sum(1), of_transition, total, None, None


def _least_exact(dtype: torch.dtype) -> float:
    """The least sum whose terms that are too small for `dtype` are no part of its digits, and by which a gradient of
    any use can be divided.
    """
    info = torch.finfo(dtype)
    return float(info.tiny / info.eps**2)


def _those_that_matter(
    small: torch.Tensor, emissions: torch.Tensor, forbidden: float
) -> tuple[torch.Tensor, ...] | None:
    """The group, the row and the label of each sum that is too small, but for labels that are forbidden themselves in
    a sentence that has others; None where there are none.
    """
    chosen = small & ((emissions > forbidden / 2) | small.all(2, keepdim=True))
    return chosen.nonzero(as_tuple=True) if bool(chosen.any()) else None
