"""The rows that the compiled kernels read at each step: longest sequence first, in parts for the threads."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..models.steps import Steps


__all__ = ["Part", "Schedule"]


@dataclass
class Part:
    """Some of a batch's sequences: those at `start` to `start + size` of the schedule's order, longest first."""

    start: int
    size: int
    active: torch.Tensor  # (steps): the sequences still running at each step
    steps_read: int  # the sum of `active`
    first_read: int  # the sum of all earlier parts' `steps_read`


@dataclass
class Schedule:
    """Attributes:
    order: (batch), the sequence that stands at each place; None for a single one.
    inverse: (batch), where each sequence stands.
    rows: (directions, steps, batch), the row of the flattened (batch * time) steps, by place.
    parts: The batch cut for the threads.
    """

    order: torch.Tensor | None
    inverse: torch.Tensor | None
    rows: torch.Tensor
    parts: list[Part]

    @classmethod
    def shared(cls, steps: Steps, time: int, num_parts: int) -> Schedule:
        """The schedule `of` these, the same for every layer of a stack that is worth as many threads."""
        if num_parts not in steps.schedules:
            steps.schedules[num_parts] = cls.of(steps, time, num_parts)
        found: Schedule = steps.schedules[num_parts]
        return found

    @classmethod
    def of(cls, steps: Steps, time: int, num_parts: int) -> Schedule:
        """Cut a batch of `time` steps into at most `num_parts` parts of about the same work."""
        lengths = steps.lengths
        batch, directions = len(lengths), len(steps.orders)
        positions = torch.arange(batch * time).view(batch, time)
        by_direction = [positions if gather is None else gather.index.view(batch, time) for gather in steps.orders]
        order = inverse = None
        num_parts = max(1, min(num_parts, batch))
        if batch > 1:
            longest_first = torch.argsort(lengths, descending=True, stable=True)
            # Dealt like cards: every part has long and short ones.
            order = torch.cat([longest_first[part::num_parts] for part in range(num_parts)])
            inverse = torch.argsort(order)
            by_direction = [rows[order] for rows in by_direction]
        rows = torch.stack([rows.T for rows in by_direction])
        parts, start, read = [], 0, 0
        for part in range(num_parts):
            size = len(range(part, batch, num_parts))
            here = lengths if order is None else lengths[order[start : start + size]]
            active = (here > torch.arange(time).unsqueeze(1)).sum(1)
            parts.append(Part(start, size, active, int(here.sum()), read))
            start, read = start + size, read + parts[-1].steps_read
        return cls(order, inverse, rows.view(directions, time, batch).contiguous(), parts)

    def arranged(self, state: torch.Tensor) -> torch.Tensor:
        """(batch, directions, units) to (directions, batch, units) in the schedule's order."""
        placed = state if self.order is None else state.index_select(0, self.order)
        return placed.transpose(0, 1).contiguous()

    def restored(self, state: torch.Tensor) -> torch.Tensor:
        """What `arranged` did, undone."""
        given = state.transpose(0, 1)
        return given if self.inverse is None else given.index_select(0, self.inverse)
