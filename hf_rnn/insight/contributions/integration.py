"""Integrated gradients along a straight line, in parts: where a part does not add up, it is cut smaller.

A recurrent network's score may rise steeply within a thousandth of the line, where a gate turns; equal steps meet
that by chance. What the score gains over a part of the line is known, and so is how far the part is off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...extras import require_extra


__all__ = ["Integral", "Line"]


# Gauss-Legendre steps of a part, and into how many a part is cut.
STEPS_OF_PART = 5
CUTS = 4
# Contributions cancel out where the score differs between the ends by less than this share of what they add up to
# without their signs; then their error is a share of that.
CANCELLING = 0.01


@dataclass(frozen=True, eq=False)
class Integral:
    """Attributes:
    values: (rows, time), the integrated gradients, summed over the features, float64.
    start, end: The scores at the ends of the line.
    steps: Points at which the gradient was computed.
    """

    values: np.ndarray
    start: float
    end: float
    steps: int

    @property
    def whole(self) -> float:
        """The size that errors are a share of: |`end` − `start`|, or more where contributions of both signs cancel
        out.
        """
        return max(abs(self.end - self.start), CANCELLING * float(np.abs(self.values).sum()))

    @property
    def error(self) -> float:
        """|sum of `values` − (`end` − `start`)|, as a share of `whole`."""
        gap = abs(float(self.values.sum()) - (self.end - self.start))
        return gap / self.whole if self.whole else gap


@dataclass(frozen=True, eq=False)
class _Part:
    low: float
    high: float
    values: np.ndarray
    gain: float  # of the score

    @property
    def gap(self) -> float:
        return abs(float(self.values.sum()) - self.gain)


class Line:
    """Args:
    score: The function from points (points, rows, time, features) to their scores (points).
    start, end: (1, rows, time, features), the ends of the line.
    together: Points that are computed at once.
    """

    def __init__(
        self, score: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, end: torch.Tensor, together: int
    ) -> None:
        require_extra("insight", "An integrated gradient", "captum")
        from captum.attr import IntegratedGradients

        self.gradients: Any = IntegratedGradients(score)
        self.score, self.start, self.direction, self.together = score, start, end - start, together

    def integrate(self, n_steps: int, max_steps: int, tolerance: float) -> Integral:
        """Integrate in `n_steps` steps, and in more, up to `max_steps`, until the error is at most `tolerance`."""
        count = -(-n_steps // STEPS_OF_PART)
        parts = self._parts(np.linspace(0, 1, count + 1))
        steps = count * STEPS_OF_PART
        start, end = (float(score) for score in self._scores(np.array([0.0, 1.0])))
        while True:
            found = Integral(np.sum([part.values for part in parts], axis=0), start, end, steps)
            worst = _worst(parts, tolerance * found.whole / 2)
            steps += len(worst) * CUTS * STEPS_OF_PART
            if found.error <= tolerance or steps > max_steps:
                return found
            parts = [part for part in parts if part not in worst]
            for part in worst:
                parts += self._parts(np.linspace(part.low, part.high, CUTS + 1))

    def _parts(self, cuts: np.ndarray) -> list[_Part]:
        scores = self._scores(cuts)
        at_once = max(1, self.together // STEPS_OF_PART)
        values: list[np.ndarray] = []
        for first in range(0, len(cuts) - 1, at_once):
            ends = self._points(cuts[first : first + at_once + 1])
            found = self.gradients.attribute(
                ends[1:], ends[:-1], n_steps=STEPS_OF_PART, internal_batch_size=max(self.together, len(ends) - 1)
            )
            values += list(found.detach().double().sum(-1).cpu().numpy())
        bounds = zip(cuts, cuts[1:], values, np.diff(scores), strict=False)
        return [_Part(float(low), float(high), own, float(gain)) for low, high, own, gain in bounds]

    def _points(self, places: np.ndarray) -> torch.Tensor:
        shares = torch.as_tensor(places, dtype=self.start.dtype, device=self.start.device)
        return self.start + shares.view(-1, 1, 1, 1) * self.direction

    @torch.no_grad()
    def _scores(self, places: np.ndarray) -> np.ndarray:
        pieces = np.array_split(places, -(-len(places) // self.together))
        return np.concatenate([self.score(self._points(piece)).double().cpu().numpy() for piece in pieces])


def _worst(parts: list[_Part], allowed: float) -> list[_Part]:
    """The fewest parts without which the others are off by no more than `allowed` together; at least one."""
    ordered = sorted(parts, key=lambda part: part.gap)
    together = np.cumsum([part.gap for part in ordered])
    return ordered[min(int(np.searchsorted(together, allowed, side="right")), len(ordered) - 1) :]
