"""The steps of a padded batch that are real, in which order each direction reads them, and what goes from
one to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from .looks import may_look


__all__ = ["Gather", "State", "Steps", "gather_rows"]


# The state of one direction: (h,) or, for an LSTM, (h, c), each (batch, units).
State = tuple[torch.Tensor, ...]


@dataclass
class Gather:
    """A permutation of the (batch * time) rows that puts a direction's first step first, and its inverse."""

    index: torch.Tensor
    inverse: torch.Tensor

    @classmethod
    def of(cls, order: torch.Tensor) -> Gather:
        """Make it of `order` (batch, time), the step that stands at each position."""
        batch, time = order.shape
        positions = torch.arange(time, device=order.device).expand(batch, time)
        inverse = torch.empty_like(order).scatter_(1, order, positions)
        first_rows = time * torch.arange(batch, device=order.device).unsqueeze(1)
        return cls((order + first_rows).flatten(), (inverse + first_rows).flatten())


def gather_rows(features: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of (batch, time, features) by flat index: far faster than `gather` on an expanded index."""
    return features.flatten(0, 1).index_select(0, index).view(features.shape)


@dataclass
class Steps:
    """The steps of a padded batch that are real, and the order in which each direction reads them.

    Attributes:
        padding: (batch, time), True where there is no token; None when every step is real.
        lengths: (batch), the real steps of each sequence.
        orders: For each direction how to gather it; None where the batch already lies as the direction reads it.
        schedules: What the compiled path has worked out from these for a number of threads, for the next layer.
    """

    padding: torch.Tensor | None
    lengths: torch.Tensor
    orders: tuple[Gather | None, ...]
    schedules: dict[int, Any] = field(default_factory=dict)
    _packed_lengths: torch.Tensor | None = None

    @classmethod
    def of(cls, mask: torch.Tensor, num_directions: int) -> Steps:
        """Make it of `mask` (batch, time), true where there is a token: right-padded, left-padded or with holes."""
        mask = mask.bool()
        batch, time = mask.shape
        look = may_look(mask)
        full = look and bool(mask.all())
        if num_directions == 1 and full:
            return cls(None, torch.full((batch,), time, device=mask.device), (None,))
        lengths = mask.sum(1)
        positions = torch.arange(time, device=mask.device).expand(batch, time)
        compact = look and bool((mask == (positions < lengths.unsqueeze(1))).all())
        orders: list[Gather | None] = [None]
        # Real steps first, in their order.
        order = positions if compact else torch.argsort(~mask, dim=1, stable=True)
        if not compact:
            orders = [Gather.of(order)]
        if num_directions == 2:
            last = lengths.unsqueeze(1) - 1
            reverse = torch.where(positions <= last, last - positions, positions)
            orders.append(Gather.of(order.gather(1, reverse)))
        return cls(None if full else ~mask, lengths, tuple(orders))

    def packed_lengths(self) -> torch.Tensor:
        """The lengths as packing takes them: at least 1, on the host, which waits for them once for all layers."""
        if self._packed_lengths is None:
            self._packed_lengths = self.lengths.clamp(min=1).cpu()
        return self._packed_lengths

    def clear_padding(self, features: torch.Tensor) -> torch.Tensor:
        """Zeros in place of the padding of (batch, time, features)."""
        if self.padding is None:
            return features
        return features.masked_fill(self.padding.unsqueeze(2), 0)
