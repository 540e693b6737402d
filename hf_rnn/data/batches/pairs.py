"""Pairs of texts to the token ids of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerBase

from .texts import tokenize_dataset


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["tokenize_pairs"]


def tokenize_pairs(pairs: Dataset, tokenizer: PreTrainedTokenizerBase, **options: Any) -> Dataset:
    """Each text of the pairs tokenized as it is alone, for `hf_rnn.data.batches.pair_collator.PairCollator`.

    Args:
        pairs: The columns ``text``, ``text_b`` and ``label`` are used.
        options: `max_length`, of each text, and others of `hf_rnn.data.batches.texts.tokenize_dataset`.

    Returns:
        Rows of ``input_ids``, ``input_ids_b``, ``labels`` and the ``length`` of the longer text, to which a pair is
        padded.
    """
    from datasets import concatenate_datasets

    first = tokenize_dataset(pairs.select_columns(["text", "label"]), tokenizer, **options)
    second = tokenize_dataset(pairs.select_columns(["text_b"]).rename_column("text_b", "text"), tokenizer, **options)
    longer = [max(lengths) for lengths in zip(first["length"], second["length"], strict=True)]
    ids = second.select_columns(["input_ids"]).rename_column("input_ids", "input_ids_b")
    return concatenate_datasets([first.remove_columns("length"), ids], axis=1).add_column("length", longer)
