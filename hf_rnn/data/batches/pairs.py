"""Pairs of texts to the token ids of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerBase

from .texts import tokenize_dataset


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["tokenize_pairs"]


def tokenize_pairs(pairs: Dataset, tokenizer: PreTrainedTokenizerBase, **options: Any) -> Dataset:
    """Each text of pairs or triplets tokenized as it is alone, for `hf_rnn.data.batches.pair_collator.PairCollator`.

    Args:
        pairs: The columns ``text``, ``text_b`` and ``label`` are used, and ``text_c`` where rows are triplets.
        options: `max_length`, of each text, and others of `hf_rnn.data.batches.texts.tokenize_dataset`.

    Returns:
        Rows of ``input_ids``, ``input_ids_b`` (of triplets ``input_ids_c``), ``labels`` and the ``length`` of the
        longest text.
    """
    from datasets import concatenate_datasets

    first = tokenize_dataset(pairs.select_columns(["text", "label"]), tokenizer, **options)
    parts, sizes = [first.remove_columns("length")], [first["length"]]
    for suffix in ("_b", "_c"):
        if f"text{suffix}" in pairs.column_names:
            texts = pairs.select_columns([f"text{suffix}"]).rename_column(f"text{suffix}", "text")
            rows = tokenize_dataset(texts, tokenizer, **options)
            parts.append(rows.select_columns(["input_ids"]).rename_column("input_ids", f"input_ids{suffix}"))
            sizes.append(rows["length"])
    longest = [max(lengths) for lengths in zip(*sizes, strict=True)]
    return concatenate_datasets(parts, axis=1).add_column("length", longest)
