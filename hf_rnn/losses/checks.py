"""The checks of their arguments that the losses share."""

from __future__ import annotations

import math

import torch

from ..models.looks import require


__all__ = ["check_choice", "check_embeddings", "check_labels", "check_scale", "check_smoothing"]


def check_embeddings(**embeddings: torch.Tensor) -> None:
    """Raise a ValueError unless they are (batch, features), all of one shape, with at least one row."""
    shapes = {name: tuple(tensor.shape) for name, tensor in embeddings.items()}
    shape = next(iter(shapes.values()))
    if len(shape) != 2 or shape[0] == 0 or len(set(shapes.values())) > 1:
        named = ", ".join(f"`{name}` {shape}" for name, shape in shapes.items())
        raise ValueError(f"Embeddings must be (batch, features), all of one shape, with a row or more; got {named}.")


def check_labels(labels: torch.Tensor, batch_size: int, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise a ValueError unless `labels` are (batch_size), each a number in [low, high]."""
    if labels.shape != (batch_size,):
        raise ValueError(f"`labels` has shape {tuple(labels.shape)}; one for each row is ({batch_size},).")
    right, allowed = (labels >= low) & (labels <= high), f"it must hold numbers in [{low:g}, {high:g}]."
    require(right, f"`labels`: {allowed}", lambda: f"`labels` holds {labels[~right][0].item()}; {allowed}")


def check_scale(name: str, value: float) -> None:
    """Raise a ValueError unless `value` is finite and above 0."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"`{name}`={value} must be a finite number above 0.")


def check_smoothing(label_smoothing: float) -> None:
    """Raise a ValueError unless `label_smoothing` is in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"`label_smoothing`={label_smoothing} must be in [0, 1).")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"`{name}`={value!r} must be one of {', '.join(map(repr, choices))}.")
