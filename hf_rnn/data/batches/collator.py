"""Tokenised texts to padded batches, without the detour that `tokenizer.pad` takes through nested Python lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase


__all__ = ["PaddingCollator"]

# These columns hold these values at the padding; the tokenizer knows those of `input_ids` and `token_type_ids`.
_PADDING_OF_MASKS = {"attention_mask": 0, "special_tokens_mask": 1}
_LABEL_COLUMNS = ("label", "label_ids")


class PaddingCollator:
    """The tensors of ``transformers.DataCollatorWithPadding(tokenizer)``, sooner: the time that one takes is a
    noticeable part of the training step of a small model.

    Args:
        tokenizer: Its padding token and side are used.
        label_padding: What `labels` hold at the padding, where there is one a token; None: they are one a text. NaN
            for numbers, of which a token may also have several: then `labels` are float32 (batch, time) or
            (batch, time, outputs).

    Raises:
        ValueError: the tokenizer has no padding token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, label_padding: float | None = None) -> None:
        if tokenizer.pad_token_id is None:
            raise ValueError("`tokenizer` has no padding token; set `tokenizer.pad_token`.")
        self.tokenizer = tokenizer
        self.label_padding = label_padding

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad to the longest text.

        Args:
            features: A text each: `input_ids`, and where there are any `token_type_ids`, masks and labels.

        Returns:
            `input_ids`, the other columns of tokens and an `attention_mask` (where the tokenizer's models take one),
            each int64 (batch, time); other columns stacked, `label` and `label_ids` by the name `labels`.

        Raises:
            ValueError: there is no text, the texts have different columns, or a column cannot be stacked.
        """
        names = features[0].keys() if features else {}
        if "input_ids" not in names or any(feature.keys() != names for feature in features):
            columns = sorted({tuple(feature) for feature in features})
            raise ValueError(f"`features` must be texts with the same columns, `input_ids` among them; got {columns}.")
        padding: dict[str, Any] = {
            "input_ids": self.tokenizer.pad_token_id,
            "token_type_ids": self.tokenizer.pad_token_type_id,
            **_PADDING_OF_MASKS,
        }
        if self.label_padding is not None:
            padding["labels"] = self.label_padding
        batch = {}
        for name in names:
            values = [feature[name] for feature in features]
            if name in padding:
                batch[name] = self._pad(values, padding[name])
            else:
                batch["labels" if name in _LABEL_COLUMNS else name] = _stack(values, name)
        if "attention_mask" not in names and "attention_mask" in self.tokenizer.model_input_names:
            batch["attention_mask"] = self._mask([len(feature["input_ids"]) for feature in features])
        return batch

    def _pad(self, rows: list[Any], value: float) -> torch.Tensor:
        # The outputs of each token, if it has several.
        inner = np.shape(next((row for row in rows if len(row)), [0]))[1:]
        kind: Any = np.float32 if isinstance(value, float) else np.int64
        padded = np.full((len(rows), max(map(len, rows)), *inner), value, dtype=kind)
        for target, row in zip(padded, rows, strict=True):
            start = 0 if self.tokenizer.padding_side == "right" else len(target) - len(row)
            target[start : start + len(row)] = row
        return torch.from_numpy(padded)

    def _mask(self, lengths: list[int]) -> torch.Tensor:
        width, tokens = max(lengths), np.array(lengths)[:, None]
        positions = np.arange(width)
        mask = positions < tokens if self.tokenizer.padding_side == "right" else positions >= width - tokens
        return torch.from_numpy(mask.astype(np.int64))


def _stack(values: list[Any], name: str) -> torch.Tensor:
    try:
        return torch.stack(values) if isinstance(values[0], torch.Tensor) else torch.tensor(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"`features` have a column {name!r} that is not a number, or equally many numbers, for each text; "
            "drop it, or pad it with a collator of its own."
        ) from error
