"""Measures how alike two vectors are: the larger, the more alike, whichever of the measures is taken."""

from __future__ import annotations

import torch

from .tracing import shape_of


__all__ = ["SIMILARITIES", "matrix", "pairwise", "unit_length"]


SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")


def pairwise(a: torch.Tensor, b: torch.Tensor, kind: str) -> torch.Tensor:
    r"""The similarity of each row of `a` to the same row of `b`.

        cosine      aᵀb / (‖a‖₂ ‖b‖₂), and 0 where a or b is the zero vector
        dot         aᵀb
        euclidean   −‖a − b‖₂
        manhattan   exp(−‖a − b‖₁), as in MaLSTM (Mueller & Thyagarajan 2016,
                    https://ojs.aaai.org/index.php/AAAI/article/view/10350)

    Gradients are finite everywhere: where a measure has no derivative (a zero vector under cosine, equal vectors under
    a distance) the term that has none counts as 0.

    Args:
        a, b: (batch, features).
        kind: One of `SIMILARITIES`.

    Returns:
        (batch).

    Raises:
        ValueError: for another `kind`, or shapes that do not fit.
    """
    _check(a, b, kind)
    if shape_of(a) != shape_of(b):
        raise ValueError(f"`b` has shape {shape_of(b)}; it must be that of `a`, {shape_of(a)}.")
    if kind == "euclidean":
        return -torch.linalg.vector_norm(a - b, dim=1)
    if kind == "manhattan":
        return (-(a - b).abs().sum(1)).exp()
    if kind == "cosine":
        a, b = unit_length(a), unit_length(b)
    return (a * b).sum(1)


def matrix(a: torch.Tensor, b: torch.Tensor, kind: str) -> torch.Tensor:
    """The similarity of each row of `a` (n, features) to each row of `b` (m, features), by the equations of
    [`pairwise`].

    Returns:
        (n, m).

    Raises:
        ValueError: for another `kind`, or shapes that do not fit.
    """
    _check(a, b, kind)
    if kind == "euclidean":
        # Equal vectors would be some 1e-3 apart by matrix products.
        return -torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    if kind == "manhattan":
        return (-torch.cdist(a, b, p=1)).exp()
    if kind == "cosine":
        a, b = unit_length(a), unit_length(b)
    return a @ b.T


def unit_length(vectors: torch.Tensor) -> torch.Tensor:
    """The rows of (batch, features) divided by their lengths; the zero vector stays what it is."""
    lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / lengths.masked_fill(lengths == 0, 1)


def _check(a: torch.Tensor, b: torch.Tensor, kind: str) -> None:
    if kind not in SIMILARITIES:
        raise ValueError(f"`kind` is {kind!r}; it must be one of {', '.join(map(repr, SIMILARITIES))}.")
    for name, vectors in (("a", a), ("b", b)):
        if vectors.dim() != 2:
            raise ValueError(f"`{name}` has shape {tuple(vectors.shape)}; it must be (batch, features).")
    if shape_of(a)[1] != shape_of(b)[1]:
        raise ValueError(f"`b` has {b.shape[1]} features; it must have those of `a`, {a.shape[1]}.")
