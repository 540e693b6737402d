"""Attention of a decoder's state to the states of an encoder: which of the source's steps matter for the next token.

    weights_j = softmax_j score(s, h_j),    context = Σ_j weights_j h_j

    dot         score = s · h_j                      Luong et al. 2015, https://aclanthology.org/D15-1166, eq. 8
    general     score = s · W h_j                    the same
    additive    score = v · tanh(W s + U h_j)        Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.1.2

The padding of a source has weight 0, so a context never depends on what the source is batched with. What depends on
the source alone, W h_j or U h_j, is computed once for all steps of the target: the `keys`.
"""

from __future__ import annotations

import torch
from torch import nn

from .configuration_seq2seq import RecurrentEncoderDecoderConfig


__all__ = ["AdditiveAttention", "ProductAttention", "SourceAttention", "key_layer", "make_attention"]


# Numbers of tanh(W s + U h_j) that are in memory at once; more steps of a target are computed one after the other.
NUMBERS_AT_ONCE = 2**24


class SourceAttention(nn.Module):
    """What the kinds of attention share: the softmax over a source's steps, and the context."""

    def scores(self, states: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """(batch, target, source), of the decoder's `states` (batch, target, units)."""
        raise TypeError(f"{type(self).__name__} compares nothing; use one of the kinds of attention.")

    def forward(
        self, states: torch.Tensor, memory: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Args:
            states: (batch, target, units), the decoder's.
            memory: (batch, source, features), the encoder's.
            keys: (batch, source, compared), what `key_layer` makes of `memory`.
            mask: (batch, source), True at a token of the source; None: everywhere.

        Returns:
            The contexts (batch, target, features), and the weights (batch, target, source), which are 0 at padding and
            otherwise sum to 1. A source without a token has the context 0.
        """
        scores = self.scores(states, keys)
        if mask is None:
            weights = scores.softmax(2)
        else:
            hidden = ~mask.unsqueeze(1)
            weights = scores.masked_fill(hidden, torch.finfo(scores.dtype).min).softmax(2).masked_fill(hidden, 0)
        return weights @ memory, weights


class ProductAttention(SourceAttention):
    """Products of the decoder's states and the keys."""

    def scores(self, states: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return states @ keys.transpose(1, 2)


class AdditiveAttention(SourceAttention):
    """A layer of `size` units over both states.

    Args:
        state_size: Features of the decoder's states.
        size: Units of the comparison, the features of a key.
    """

    def __init__(self, state_size: int, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(state_size, size, bias=False)
        self.weight = nn.Linear(size, 1, bias=False)

    def scores(self, states: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        queries = self.query(states)
        at_once = max(1, NUMBERS_AT_ONCE // max(1, keys.numel()))
        blocks = [
            self.weight((block.unsqueeze(2) + keys.unsqueeze(1)).tanh()).squeeze(3)
            for block in queries.split(at_once, 1)
        ]
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, 1)


def key_layer(config: RecurrentEncoderDecoderConfig) -> nn.Module:
    """The layer that makes keys (batch, source, compared) of the encoder's states (batch, source, features)."""
    if config.attention in (None, "dot"):
        return nn.Identity()
    return nn.Linear(config.reads.step_size, config.compared_size, bias=config.attention == "additive")


def make_attention(config: RecurrentEncoderDecoderConfig) -> SourceAttention | None:
    """The attention that `config` names; None: there is none."""
    if config.attention is None:
        return None
    if config.attention == "additive":
        return AdditiveAttention(config.writes.step_size, config.compared_size)
    return ProductAttention()
