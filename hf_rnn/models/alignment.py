"""Reads two texts together: each token of one is set beside what it corresponds to in the other.

Chen et al. 2017 (ESIM, https://aclanthology.org/P17-1152), section 3, with e, ã and b̃ of their equations 11 to 13:

    e_ij = a_i · b_j,   ã_i = Σ_j softmax_j(e_ij) b_j,   b̃_j = Σ_i softmax_i(e_ij) a_i
    m_i = relu(W [a_i; ã_i; a_i − ã_i; a_i ⊙ ã_i] + c)
    v = [mean of the composition of m; its maximum]

The composition is another BiLSTM, or, after Parikh et al. 2016 (https://aclanthology.org/D16-1244), a dense layer over
each step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .configuration_rnn import BiLstmConfig
from .pooling import max_pool, mean_pool
from .recurrent import LockedDropout, RecurrentLayer
from .steps import Steps
from .tracing import recorded


__all__ = ["PairReader", "aligned", "reader_size"]


# Features of a step that are composed at most; wider states are made this narrow by a linear layer before, because the
# work grows with the square.
WIDEST = 128


def aligned(scores: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Find what each step of a text corresponds to in the other: (batch, time, features), the mean of the other's
    states by the softmax of the scores; zeros where the other text is empty.

    Args:
        scores: (batch, time, other time).
        others: (batch, other time, features), the states of the other text.
        mask: (batch, other time), True at a token of it.
    """
    padding = ~mask.unsqueeze(1)
    weights = scores.masked_fill(padding, torch.finfo(scores.dtype).min).softmax(2).masked_fill(padding, 0)
    return weights @ others


def reader_size(size: int) -> int:
    """Features of what [`PairReader`] composes of each step with `size` features: an even number."""
    return 2 * ((min(size, WIDEST) + 1) // 2)


class PairReader(nn.Module):
    """The states of two texts to a vector for each, that knows of the other text.

    Args:
        composition: `"recurrent"`, a BiLSTM; or `"feed-forward"`, a dense layer over each step.
        size: Features of a state; what is composed of them has those of [`reader_size`].
        dropout: Probability that a feature is zeroed before the dense layers in training, for all steps of a text.
    """

    def __init__(self, composition: str, size: int, dropout: float) -> None:
        super().__init__()
        units = reader_size(size) // 2
        self.dropout = LockedDropout(dropout)
        self.reduction = nn.Linear(size, 2 * units) if size > WIDEST else None
        self.projection = nn.Linear(4 * (size if self.reduction is None else 2 * units), 2 * units)
        self.layer: nn.Module
        if composition == "recurrent":
            self.layer = RecurrentLayer(BiLstmConfig(embedding_size=2 * units, hidden_size=units), 0)
        else:
            self.layer = nn.Linear(2 * units, 2 * units)

    def forward(
        self, a: torch.Tensor, b: torch.Tensor, mask_a: torch.Tensor, mask_b: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Args:
            a, b: (batch, time, features), each with a time of its own.
            mask_a, mask_b: (batch, time), True at a token.

        Returns:
            The vectors of both, each (batch, 2 * `reader_size`), zeros for an empty text.
        """
        scores = a @ b.transpose(1, 2)
        if self.reduction is not None:
            a, b = self.reduction(a), self.reduction(b)
        of_a, of_b = aligned(scores, b, mask_b), aligned(scores.transpose(1, 2), a, mask_a)
        if recorded() or a.shape[1] != b.shape[1]:
            return self._composed(a, of_a, mask_a), self._composed(b, of_b, mask_b)
        both = self._composed(torch.cat([a, b]), torch.cat([of_a, of_b]), torch.cat([mask_a, mask_b]))
        first, second = both.chunk(2)
        return first, second

    def _composed(self, states: torch.Tensor, others: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        # (batch, time, features) of a text and of what corresponds to it, to (batch, 2 * reader_size).
        beside = torch.cat([states, others, states - others, states * others], dim=2)
        features = self.projection(self.dropout(beside)).relu()
        steps = Steps.of(mask, 2)
        layer: Any = self.layer
        if isinstance(layer, RecurrentLayer):
            composed = layer.read(features, steps)[0]
        else:
            composed = layer(self.dropout(features)).relu()
        composed = steps.clear_padding(composed)
        return torch.cat([mean_pool(composed, steps), max_pool(composed, steps)], dim=1)
