"""Pools a text after every one of its tokens, in one pass and with memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..models.pooling import Pooler


__all__ = ["Running", "running_pooling"]


# (steps, features) of the next steps → (steps, pooled), what the pooling makes of all steps up to each of them.
Running = Callable[[torch.Tensor], torch.Tensor]


def running_pooling(pooler: Pooler) -> Running:
    """The pooling of `pooler` of all the steps that it is given in successive calls, up to each of them; of one
    direction, in which a step's output is the state that `last` takes.
    """
    if pooler.attention is not None:
        return _Attention(pooler)
    parts: dict[str, list[Running]] = {
        "last": [lambda features: features],
        "mean": [_Mean()],
        "max": [_Max()],
        "mean_max": [_Mean(), _Max()],
    }
    chosen = parts[pooler.pooling]
    return lambda features: torch.cat([part(features) for part in chosen], dim=1)


class _Mean:
    """Sums carried from call to call, divided by the number of steps."""

    def __init__(self) -> None:
        self.total: torch.Tensor | float = 0.0
        self.count = 0

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        sums = self.total + features.cumsum(0)
        counts = torch.arange(1, len(features) + 1, device=features.device).unsqueeze(1) + self.count
        self.total, self.count = sums[-1], self.count + len(features)
        return sums / counts


class _Max:
    """The largest values so far."""

    def __init__(self) -> None:
        self.largest: torch.Tensor | None = None

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        largest = features.cummax(0).values
        if self.largest is not None:
            largest = largest.maximum(self.largest)
        self.largest = largest[-1]
        return largest


class _Attention:
    """Σ e^s_t h_t / Σ e^s_t over the steps so far, s_t the score of step t; both sums relative to the largest of these
    scores, so that neither overflows.
    """

    def __init__(self, pooler: Pooler) -> None:
        self.pooler = pooler
        self.largest: torch.Tensor | None = None
        self.weighted: torch.Tensor | float = 0.0
        self.total: torch.Tensor | float = 0.0

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        assert self.pooler.attention is not None
        scores = self.pooler.attention.scores(features)
        pooled = []
        for score, step in zip(scores, features, strict=True):
            largest = score if self.largest is None else torch.maximum(score, self.largest)
            before = 0.0 if self.largest is None else torch.exp(self.largest - largest)
            weight = torch.exp(score - largest)
            self.weighted = self.weighted * before + weight * step
            self.total = self.total * before + weight
            self.largest = largest
            pooled.append(self.weighted / self.total)
        return torch.stack(pooled)
