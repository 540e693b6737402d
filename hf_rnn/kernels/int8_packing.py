"""Weights of 8 bits, as the compiled kernels read them (`native/int8_products.h`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad


__all__ = ["PANEL", "PackedWeights", "padded"]


PANEL = 16
_DEPTH_BLOCK = 64
# The numbers of a column that stand side by side.
_GROUP = 4


def padded(size: int, block: int) -> int:
    """Round `size` up to whole blocks."""
    return -size % block + size


@dataclass(frozen=True)
class PackedWeights:
    """A matrix of weights in panels of 16 columns, with what is known of each column, zero where a panel is not full.

    Attributes:
        panels: (columns / 16, depth / 4, 16, 4), int8; the depth is padded to a multiple of 64.
        scales: (columns), float32.
        sums: (columns), int32, the sum of each column's whole numbers.
        columns: The columns of the matrix.
        depth: The rows of the matrix.
    """

    panels: torch.Tensor
    scales: torch.Tensor
    sums: torch.Tensor
    columns: int
    depth: int

    @classmethod
    def of(cls, weight: torch.Tensor, scale: torch.Tensor, parts: Sequence[int] | None = None) -> PackedWeights:
        """Pack `weight` (outputs, inputs) of int8, whose outputs are the columns, with their scales (outputs).

        Args:
            parts: How many outputs, one part after the other, begin a panel of their own; by default all are one part.
        """
        columns, depth = weight.shape
        sizes = list(parts or [columns])
        of_parts = [
            (pad(rows, (0, -depth % _DEPTH_BLOCK, 0, -len(rows) % PANEL)), pad(factors, (0, -len(rows) % PANEL)))
            for rows, factors in zip(weight.split(sizes), scale.split(sizes), strict=True)
        ]
        rows = torch.cat([rows for rows, _ in of_parts])
        panels = rows.view(len(rows) // PANEL, PANEL, rows.shape[1] // _GROUP, _GROUP).transpose(1, 2).contiguous()
        scales = torch.cat([factors for _, factors in of_parts])
        return cls(panels, scales, rows.sum(1, dtype=torch.int32), columns, depth)
