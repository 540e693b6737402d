"""Sources and targets to token ids, and to padded batches."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedTokenizerBase

from ..tokenizers.separate_vocabularies import replace_tokens, target_replacements
from .collator import PaddingCollator
from .tags import IGNORED_LABEL


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["SequenceCollator", "tokenize_sequences"]

logger = logging.getLogger(__name__)

# A row is sorted by its target, and by its source among those with a target of the same length: no source has so many
# tokens.
SOURCE_LENGTHS = 2**20


def tokenize_sequences(
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_source_length: int,
    max_target_length: int,
    split: str,
    target_size: int | None = None,
) -> Dataset:
    """The ids of sources and targets; a line says how many were cut, and one how many tokens of targets were replaced.

    Args:
        rows: The columns ``text`` and ``text_b`` are used.
        max_source_length, max_target_length: The most tokens of each, with those that the tokenizer adds.
        split: What the rows are called.
        target_size: The number of tokens that the decoder can write: the first ones of the tokenizer. What stands in a
            target for the others, `target_replacements` says. None: it can write all.

    Returns:
        Rows of ``input_ids``, ``labels`` and a ``length`` that orders them by both.

    Raises:
        ValueError: a length leaves no room for a token.
    """
    added = tokenizer.num_special_tokens_to_add()
    for name, length in (("max_source_length", max_source_length), ("max_target_length", max_target_length)):
        if length <= added:
            raise ValueError(f"`{name}`={length} must be at least {added + 1}: the tokenizer adds {added} tokens.")
    replacements = {} if target_size is None else target_replacements(tokenizer, target_size)
    options = {
        "tokenizer": tokenizer,
        "source": max_source_length,
        "target": max_target_length,
        "replacements": replacements,
    }
    tokenized = rows.map(
        _tokenize, batched=True, fn_kwargs=options, remove_columns=rows.column_names, desc="Tokenizing"
    )
    for name, length in (("source", max_source_length), ("target", max_target_length)):
        cut = sum(tokenized[f"cut_{name}"][:])
        if cut:
            logger.warning(
                "%d of %d %s %ss are cut to %d tokens (--max_%s_length).", cut, len(rows), split, name, length, name
            )
    replaced, tokens = (sum(tokenized[name][:]) for name in ("replaced", "target_tokens"))
    if replaced:
        logger.warning(
            "%d of %d tokens of the %s targets are only in the vocabulary of sources: the decoder cannot write them, "
            "and %s in their place.",
            replaced,
            tokens,
            split,
            _names(tokenizer, replacements),
        )
    return tokenized.remove_columns(["cut_source", "cut_target", "replaced", "target_tokens"])


def _names(tokenizer: PreTrainedTokenizerBase, replacements: Mapping[int, Sequence[int]]) -> str:
    """The words for what stands in the place of tokens."""
    unknown = any(tokenizer.unk_token_id in stands for stands in replacements.values())
    return f"{tokenizer.unk_token} stands" if unknown else "the shorter ones that they are made of stand"


def _tokenize(
    batch: Mapping[str, list[str]],
    tokenizer: PreTrainedTokenizerBase,
    source: int,
    target: int,
    replacements: Mapping[int, Sequence[int]],
) -> dict[str, list[Any]]:
    sources = _encoded(tokenizer(batch["text"], verbose=False)["input_ids"], source)
    written = tokenizer(text_target=batch["text_b"], verbose=False)["input_ids"]
    targets = _encoded([replace_tokens(ids, replacements) for ids in written], target)
    return {
        "input_ids": [ids for ids, _ in sources],
        "labels": [ids for ids, _ in targets],
        "cut_source": [cut for _, cut in sources],
        "cut_target": [cut for _, cut in targets],
        "replaced": [sum(index in replacements for index in ids) for ids in written],
        "target_tokens": [len(ids) for ids in written],
        "length": [len(b) * SOURCE_LENGTHS + len(a) for (a, _), (b, _) in zip(sources, targets, strict=True)],
    }


def _encoded(texts: Sequence[list[int]], length: int) -> list[tuple[list[int], bool]]:
    """The ids, and whether some were left out; the last, that ends a text, is kept."""
    return [(ids if len(ids) <= length else [*ids[: length - 1], ids[-1]], len(ids) > length) for ids in texts]


class SequenceCollator:
    """Pad sources to the longest source, targets to the longest target, with -100 where there is no token.

    Args:
        tokenizer: Its padding token and side are used for sources; targets are padded on the right.
        model: One of transformers makes the tokens that the decoder reads, where labels are smoothed; None: the model
            makes them of the labels.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, model: Any = None) -> None:
        self.padding = PaddingCollator(tokenizer)
        self.model = model

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask` (batch, source) and `labels` (batch, target), int64."""
        batch = self.padding([{"input_ids": feature["input_ids"]} for feature in features])
        longest = max(len(feature["labels"]) for feature in features)
        labels = torch.full((len(features), longest), IGNORED_LABEL)
        for row, feature in zip(labels, features, strict=True):
            row[: len(feature["labels"])] = torch.as_tensor(feature["labels"])
        batch["labels"] = labels
        if self.model is not None:
            batch["decoder_input_ids"] = self.model.prepare_decoder_input_ids_from_labels(labels=labels)
        return batch
