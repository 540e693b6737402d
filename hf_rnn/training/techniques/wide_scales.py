"""Chooses on validation what the network and the wide part of a classifier count in the sum of their logits.

Both are trained by themselves; on texts that neither has seen it shows how far each may be believed (stacked
generalisation, Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...models.losses import classification_loss, infer_problem_type
from ...models.wide import EQUAL_SCALE


__all__ = ["fit_scales", "wide_part_of"]


# The loss of moving a scale by 1 away from the mean of both parts, in losses of a text: it decides where there are few
# texts.
PULL = 1.0
ITERATIONS = 50


def wide_part_of(model: Any) -> Any:
    """The wide part of `model`, None if it has none."""
    return getattr(model, "wide", None)


def fit_scales(
    deep: np.ndarray, wide: np.ndarray, labels: np.ndarray, problem_type: str | None = None
) -> tuple[float, float]:
    """The scales s ≥ 0 with the least sum of the losses of s₀ · `deep` + s₁ · `wide`, plus PULL / 2 · Σ (s − ½)².

    Args:
        deep, wide: (texts, labels), logits of the two parts, or the numbers that they predict.
        labels: As `classification_loss` takes them. The losses of numbers are shares of their variance.
        problem_type: As `classification_loss` takes it.
    """
    parts = torch.stack([torch.as_tensor(np.asarray(part, dtype=np.float64)) for part in (deep, wide)])
    known = torch.as_tensor(labels)
    unit = 1.0
    if infer_problem_type(problem_type, parts.shape[2], known) == "regression":
        unit = max(float(known.double().var(0, correction=0).mean()), 1e-12)
    free = [0, 1]
    while free:
        scales = torch.zeros(2, dtype=torch.float64)
        scales[free] = torch.tensor(_least(parts, known, problem_type, unit, free), dtype=torch.float64)
        if bool((scales >= 0).all()):
            return float(scales[0]), float(scales[1])
        free = [index for index in free if scales[index] > 0]
    return EQUAL_SCALE, EQUAL_SCALE


def _least(
    parts: torch.Tensor, labels: torch.Tensor, problem_type: str | None, unit: float, free: list[int]
) -> list[float]:
    # The scales of the `free` parts; the other has 0.
    scales = torch.full((len(free),), EQUAL_SCALE, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scales], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = (scales.view(-1, 1, 1) * parts[free]).sum(0)
        loss = classification_loss(logits, labels, problem_type, 1) / unit
        loss = loss + PULL / 2 * (scales - EQUAL_SCALE).square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return scales.tolist()
