"""Makes one vector for a sequence of a vector for each of its steps, blind to padding."""

from __future__ import annotations

from itertools import repeat

import torch
from torch import nn

from .configuration_rnn import RecurrentConfig
from .steps import Steps
from .tracing import recorded, shape_of


__all__ = ["AttentionPool", "Pooler", "max_pool", "mean_pool"]


# Of so many steps a copy is made at a time: small enough to stay in the cache.
_STEPS_AT_ONCE = 32


def mean_pool(features: torch.Tensor, steps: Steps) -> torch.Tensor:
    """Mean over the real steps of (batch, time, features), zero at the padding; zeros for an empty sequence."""
    return features.sum(1) / steps.lengths.clamp(min=1).unsqueeze(1).to(features.dtype)


def max_pool(features: torch.Tensor, steps: Steps) -> torch.Tensor:
    """Largest value over the real steps of (batch, time, features); zeros for an empty sequence."""
    if shape_of(features)[1] == 0:
        return features.sum(1)
    if torch.is_grad_enabled() or recorded():
        largest = _cleared(features, steps.padding).max(dim=1).values
    else:
        # No index of the largest is wanted, and no copy of the whole.
        paddings = repeat(None) if steps.padding is None else steps.padding.split(_STEPS_AT_ONCE, dim=1)
        pieces = zip(features.split(_STEPS_AT_ONCE, dim=1), paddings, strict=False)
        largest = torch.stack([_cleared(*piece).amax(dim=1) for piece in pieces]).amax(dim=0)
    return largest.masked_fill((steps.lengths == 0).unsqueeze(1), 0)


def _cleared(features: torch.Tensor, padding: torch.Tensor | None) -> torch.Tensor:
    if padding is None:
        return features
    return features.masked_fill(padding.unsqueeze(2), torch.finfo(features.dtype).min)


class AttentionPool(nn.Module):
    """A learnt weighted mean (Yang et al. 2016, https://aclanthology.org/N16-1174, eq. 5-7):

    u_t = tanh(W s_t + b),  a = softmax over the real steps of u_tᵀ v,  pooled = Σ_t a_t s_t
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, size)
        self.context = nn.Linear(size, 1, bias=False)

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """u_tᵀ v of each step: (…, features) to (…)."""
        scored: torch.Tensor = self.context(torch.tanh(self.dense(features))).squeeze(-1)
        return scored

    def weights(self, features: torch.Tensor, steps: Steps) -> torch.Tensor:
        """(batch, time): how much each step counts; zero at the padding, all zeros for an empty sequence."""
        scores = self.scores(features)
        if steps.padding is None:
            return scores.softmax(1)
        scores = scores.masked_fill(steps.padding, torch.finfo(scores.dtype).min)
        return scores.softmax(1).masked_fill(steps.padding, 0)

    def forward(self, features: torch.Tensor, steps: Steps) -> torch.Tensor:
        return (self.weights(features, steps).unsqueeze(1) @ features).squeeze(1)


class Pooler(nn.Module):
    """The pooling that `config.pooling` names: (batch, time, features) and the final states to (batch, output)."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.pooling = config.pooling
        self.merge = config.merge
        self.attention = AttentionPool(config.step_size) if config.pooling == "attention" else None

    def extra_repr(self) -> str:
        return f"pooling={self.pooling}"

    def forward(self, features: torch.Tensor, steps: Steps, finals: torch.Tensor | None) -> torch.Tensor:
        """`finals` (batch, directions, units): each direction's own final state; only `last` looks at it."""
        if self.attention is not None:
            return self.attention(features, steps)
        if self.pooling == "last" and finals is not None:
            return finals.flatten(1) if self.merge == "concat" else finals.sum(1)
        if self.pooling == "mean":
            return mean_pool(features, steps)
        if self.pooling == "max":
            return max_pool(features, steps)
        return torch.cat([mean_pool(features, steps), max_pool(features, steps)], dim=1)
