"""Leaves the rarest words of a model of words without a vector of their own, so that it fits into a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.backbone import RecurrentModel
from ..models.word_embeddings import UNKNOWN_ROW, WordEmbeddings


__all__ = ["prune_words"]


TEXTS_AT_ONCE = 256


def prune_words(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], most: int) -> int:
    """Keep the vectors of the words that `texts` have most often, `most` of them; of words that are as frequent the
    longer vector stays. The others are spelt from then on, as unknown words are. The model is changed in place.

    Args:
        model: A model of words, or one around it; other models have no such table.
        tokenizer: Its own.
        texts: What a text to come is like, such as the training texts.
        most: The number of words that keep their vector.

    Returns:
        The number of words that have lost theirs.

    Raises:
        ValueError: the model has no table of words, or `most` is below 1.
    """
    encoder = next((each for each in model.modules() if isinstance(each, RecurrentModel)), None)
    embeddings = None if encoder is None else encoder.embeddings
    if encoder is None or not isinstance(embeddings, WordEmbeddings) or not embeddings.num_keys:
        raise ValueError(f"`most_words`={most} was given, and the {type(model).__name__} has no table of words.")
    if most < 1:
        raise ValueError(f"`most_words`={most} must be at least 1.")
    before = embeddings.num_keys
    if most >= before:
        return 0
    table = cast(nn.Embedding, embeddings.word_embeddings).weight.detach()
    counts = _counts(encoder, embeddings, tokenizer, texts)[1:]
    lengths = table[1:].norm(dim=1)
    # The length breaks ties only: it is brought below 1.
    worth = counts.double() + (lengths / (lengths.max() + 1)).double()
    kept = worth.topk(most).indices.sort().values
    _keep(embeddings, table, kept)
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if getattr(config, "word_vocab_size", None) is not None:
            config.word_vocab_size, config.word_aliases = most + 1, embeddings.num_aliases
    return before - most


def _counts(
    encoder: RecurrentModel, embeddings: WordEmbeddings, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> torch.Tensor:
    """How often each row of the table is looked up for the words of the texts, (rows)."""
    counts = torch.zeros(embeddings.num_keys + 1, dtype=torch.long)

    def look(_: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        counts.index_add_(0, arguments[0].flatten(), torch.ones_like(arguments[0].flatten()))

    handle = cast(nn.Embedding, embeddings.word_embeddings).register_forward_pre_hook(look)
    try:
        with torch.no_grad():
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                chosen = texts[start : start + TEXTS_AT_ONCE]
                found = tokenizer(chosen, padding=True, return_tensors="pt", add_special_tokens=False)
                encoder.eval()(found["input_ids"], found["attention_mask"])
    finally:
        handle.remove()
    return counts


def _keep(embeddings: WordEmbeddings, table: torch.Tensor, kept: torch.Tensor) -> None:
    rows = torch.cat([torch.tensor([UNKNOWN_ROW]), kept + 1])
    embeddings.word_embeddings = nn.Embedding.from_pretrained(table[rows].clone(), freeze=False)
    # They stay in the order that the search wants.
    embeddings.keys = embeddings.keys[kept].clone()
    embeddings.num_keys = len(kept)
    if embeddings.num_aliases:
        # Words that shared a vector that is gone are spelt, too.
        now = torch.full((len(table),), UNKNOWN_ROW).index_copy(0, rows, torch.arange(len(rows)))
        shared = now[embeddings.alias_rows.long()]
        stays = shared != UNKNOWN_ROW
        embeddings.alias_keys, embeddings.alias_rows = embeddings.alias_keys[stays], shared[stays].int()
        embeddings.num_aliases = int(stays.sum())
