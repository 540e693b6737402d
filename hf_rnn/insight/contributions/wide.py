"""Computes what each token contributes to the logits of a model's wide part: exactly, because it is linear."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedModel

from ...models.embeddings import RecurrentEmbeddings
from ...models.modeling_rnn import RecurrentForSequenceClassification
from ...models.wide import BOUNDARY, WidePart


__all__ = ["wide_contributions", "wide_part", "wide_steps"]


def wide_part(model: PreTrainedModel) -> WidePart | None:
    """The wide part of `model`, if it has one."""
    return model.wide if isinstance(model, RecurrentForSequenceClassification) else None


def wide_steps(wide: WidePart, layer: nn.Module, inputs: Mapping[str, torch.Tensor], steps: int) -> torch.Tensor:
    """Compute what each step of `layer`, the embedding layer, contributes to the logits (rows, steps, labels).

    Args:
        inputs: What a tokenizer makes of the texts, without padding.
        steps: How many the layer puts out: tokens, or words in a model of words.
    """
    ids = inputs["input_ids"]
    mask = torch.ones_like(ids, dtype=torch.bool)
    of_tokens = wide_contributions(wide, ids, mask)
    words = layer.find_words(ids, mask) if isinstance(layer, RecurrentEmbeddings) else None
    if words is None:
        return of_tokens
    place = words.of_piece.unsqueeze(2).expand_as(of_tokens)
    return of_tokens.new_zeros(len(ids), steps, of_tokens.shape[2]).scatter_add(1, place, of_tokens)


def wide_contributions(wide: WidePart, input_ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(batch, time) to (batch, time, labels): what the n-grams contribute, each in equal parts to the bytes that it
    reaches over, and so to the tokens that spell them. Summed over the tokens, with the bias, they are the logits.
    """
    symbols, owner = wide.symbols(input_ids, mask)
    found = list(wide.ngrams(symbols))
    letter = symbols != BOUNDARY
    so_far = torch.nn.functional.pad(letter.cumsum(1), (1, 0))
    last_symbol = symbols.shape[1] - 1
    # What begins at a symbol, and what has ended before it.
    changes = wide.weight.new_zeros(len(symbols), last_symbol + 2, wide.weight.shape[1])
    for each, shares in zip(found, wide.shares(found), strict=True):
        last = each.last.clamp(max=last_symbol)
        letters = so_far.gather(1, last + 1) - so_far.gather(1, each.first)
        part = wide.weight[each.rows] * (shares / letters.clamp(min=1)).to(wide.weight.dtype).unsqueeze(2)
        index = each.first.unsqueeze(2).expand_as(part)
        changes = changes.scatter_add(1, index, part)
        changes = changes.scatter_add(1, (last + 1).unsqueeze(2).expand_as(part), -part)
    of_symbols = changes.cumsum(1)[:, :-1] * letter.unsqueeze(2)
    of_tokens = of_symbols.new_zeros(*input_ids.shape, of_symbols.shape[2])
    of_tokens = of_tokens.scatter_add(1, owner.unsqueeze(2).expand_as(of_symbols), of_symbols)
    return wide.completed(of_tokens)
