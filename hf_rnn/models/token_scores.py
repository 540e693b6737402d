"""The scores of all tokens, or the loss of the right ones alone: whatever is wanted, by the cheapest way."""

from __future__ import annotations

import torch
from torch import nn

from .linear_cross_entropy import linear_cross_entropy
from .losses import next_token_loss
from .sampled_softmax import sampled_cross_entropy


__all__ = ["score_tokens"]


def score_tokens(
    features: torch.Tensor,
    targets: torch.Tensor | None,
    output_layer: nn.Linear,
    sampled: int | None = None,
    skip_logits: bool = False,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The scores of the token after each step, and the summed loss of the right ones, each where it is wanted.

    Args:
        features: (batch, time, features), what the output layer reads.
        targets: (batch, time), the right tokens, -100 where there is none; None: no loss is wanted.
        output_layer: Scores of all tokens, with a bias.
        sampled: With how many tokens the right ones are compared, see `sampled_softmax.py`; None: with all.
        skip_logits: Whether, with targets, the loss alone is wanted.

    Returns:
        The logits (batch, time, tokens) or None, and the loss, summed, or None.
    """
    if targets is None:
        return output_layer(features), None
    flat, tokens = features.flatten(0, 1), targets.flatten()
    if sampled is not None:
        return None, sampled_cross_entropy(flat, tokens, output_layer, sampled)
    if skip_logits:
        return None, linear_cross_entropy(flat, tokens, output_layer)
    logits = output_layer(features)
    return logits, next_token_loss(logits, targets)
