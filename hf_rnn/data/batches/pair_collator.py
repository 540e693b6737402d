"""Pairs and triplets of tokenised texts to padded batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from .collator import PaddingCollator


__all__ = ["PairCollator"]

# The columns of the second and of the third text end in these.
_SUFFIXES = ("_b", "_c")


class PairCollator:
    """Pad each text of the pairs, or triplets, to the longest of its own column.

    The columns of the first text have the names that a tokenizer gives them, those of the second end in `_b`, and
    those of the third, where there is one, in `_c`; any others, such as labels and scores, belong to the whole row.
    What the rows are is for the loss to say: labelled or scored pairs; pairs of duplicates without labels, all others
    of the batch being negatives; anchor, positive and negative.

    Args:
        tokenizer: Its padding token and side are used.

    Raises:
        ValueError: the tokenizer has no padding token.

    Example:
        >>> row = {"input_ids": [5, 6], "input_ids_b": [7], "label": 1}
        >>> sorted(PairCollator(tokenizer)([row, row]))
        ['attention_mask', 'attention_mask_b', 'input_ids', 'input_ids_b', 'labels']
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.padding = PaddingCollator(tokenizer)

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Args:
            features: A pair or triplet each: `input_ids`, `input_ids_b`, perhaps `input_ids_c`, other columns of
                tokens with the same endings, labels or scores.

        Returns:
            `input_ids` and `attention_mask`, int64 (batch, time); the same with `_b` and `_c`, each with a time of its
            own; other columns stacked, `label` and `label_ids` by the name `labels`.

        Raises:
            ValueError: there is no row, a text is missing, or the rows have different columns, or one that cannot be
                stacked.
        """
        names = list(features[0]) if features else []
        suffixes = ("", *(suffix for suffix in _SUFFIXES if any(name.endswith(suffix) for name in names)))
        wanted = {"input_ids" + suffix for suffix in {*suffixes, "_b"}}
        if not wanted <= set(names) or any(feature.keys() != set(names) for feature in features):
            columns = sorted({tuple(feature) for feature in features})
            raise ValueError(
                "`features` must be pairs, or triplets, with the same columns, `input_ids` and `input_ids_b` among "
                f"them, and `input_ids_c` where columns end in `_c`; got {columns}."
            )
        batch: dict[str, torch.Tensor] = {}
        for suffix in suffixes:
            own = [name for name in names if _suffix(name) == suffix]
            rows = [{name.removesuffix(suffix): feature[name] for name in own} for feature in features]
            batch.update({name + suffix: tensor for name, tensor in self.padding(rows).items()})
        return batch


def _suffix(name: str) -> str:
    return next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
