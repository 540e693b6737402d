"""Finds the pieces of a tokenised text that make a word, and moves features between pieces and words.

A tokenizer with an open vocabulary cuts an unknown word into pieces and marks the piece that a word begins with. A
model of words takes one step a word, and answers for each piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .looks import may_look
from .tracing import shape_of


__all__ = ["Words"]


@dataclass
class Words:
    """Attributes:
    of_piece: (batch, time), which word of its text a piece belongs to; 0 at the padding.
    first: (batch, words), at which piece a word begins; 0 where a text has no further word.
    mask: (batch, words), True at a word; a row's words come first in it. As wide as the most words of a row; where
        that would be a look (`looks.py`), as there are pieces.
    begins: (batch, time), True at the first piece of a word.
    pieces: (batch, time), True at a piece, False at the padding.
    """

    of_piece: torch.Tensor
    first: torch.Tensor
    mask: torch.Tensor
    begins: torch.Tensor
    pieces: torch.Tensor

    @classmethod
    def of(cls, starts: torch.Tensor, mask: torch.Tensor) -> Words:
        """Args:
        starts: (batch, time), True at a piece that is marked as the beginning of a word. The first piece of a text
            begins one in any case.
        mask: (batch, time), True at a piece, False at the padding, wherever that stands.
        """
        place = mask.cumsum(1)
        begins = mask & (starts | (place == 1))
        count = begins.cumsum(1)
        of_piece = (count - 1).masked_fill(~mask, 0)
        if not may_look(mask):
            return cls._of_all(of_piece, begins, mask)
        # There is at least one column: a batch of nothing but empty texts still has a shape.
        width = max(1, int(count[:, -1].max())) if count.numel() else 1
        rows, pieces = begins.nonzero(as_tuple=True)
        first = mask.new_zeros(len(mask), width, dtype=torch.long)
        first[rows, of_piece[rows, pieces]] = pieces
        lengths = count[:, -1:] if count.shape[1] else first.new_zeros(len(mask), 1)
        return cls(of_piece, first, torch.arange(width, device=mask.device) < lengths, begins, mask)

    @classmethod
    def _of_all(cls, of_piece: torch.Tensor, begins: torch.Tensor, mask: torch.Tensor) -> Words:
        # There are as many columns as pieces: a number that does not depend on the values.
        number = begins.sum(1, keepdim=True)
        positions = torch.arange(mask.shape[1], device=mask.device)
        real = positions < number
        first = torch.argsort(~begins, dim=1, stable=True).masked_fill(~real, 0)
        return cls(of_piece, first, real, begins, mask)

    @classmethod
    def each_a_piece(cls, mask: torch.Tensor) -> Words:
        """Every piece a word of its own; what is padding on the left, or in between, is closed up."""
        return cls.of(torch.ones_like(mask), mask)

    def from_pieces(self, values: torch.Tensor) -> torch.Tensor:
        """(batch, time, …) to (batch, words, …): what stands at each word's first piece; anything at the padding."""
        if shape_of(values)[1] == 0:
            return values.new_zeros(len(values), self.first.shape[1], *values.shape[2:])
        return _select(values, self.first)

    def to_pieces(self, values: torch.Tensor) -> torch.Tensor:
        """(batch, words, …) to (batch, time, …): each piece has what its word has; anything at the padding."""
        return _select(values, self.of_piece)


def _select(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    # (batch, steps, …) by index (batch, wanted).
    rows = torch.arange(values.shape[0], device=values.device).unsqueeze(1)
    return values[rows, index]
