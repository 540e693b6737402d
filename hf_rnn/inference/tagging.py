"""Tags of sentences that are cut into tokens already, whatever pieces and windows the model reads them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from datasets import Dataset, Features, List, Value

from ..data.batches.tags import token_predictions, tokenize_tagged
from ..kernels.threads import computing_threads
from ..models.tokenizer_lock import tokenizer_lock
from .pipelines import label_names, text_limit


__all__ = ["read_pieces", "tag_sentences", "tokenized_for", "words_of"]


def tag_sentences(
    model: Any, tokenizer: Any, sentences: Sequence[Sequence[str]], batch_size: int = 32
) -> list[list[str]]:
    """The tag of each token.

    Args:
        model: One with a head for token classification.
        tokenizer: A fast one. One of byte-level BPE needs ``add_prefix_space=True``.
        sentences: The tokens of each; a sentence may be empty.
        batch_size: Rows of pieces that are computed together.
    """
    names = label_names(model.config)
    tokenized = tokenized_for(model, tokenizer, sentences)
    predicted = read_pieces(
        model, tokenizer, list(tokenized["input_ids"]), batch_size, lambda logits: logits.argmax(dim=-1).tolist()
    )
    rows = token_predictions(predicted, tokenized, _untagged(sentences), label_names=names)
    return [[names[tag] for tag in row] for row in rows]


def tokenized_for(model: Any, tokenizer: Any, sentences: Sequence[Sequence[str]]) -> Dataset:
    """The rows of pieces that a model reads of sentences, as `tokenize_tagged` makes them, in windows where the model
    has a limit.
    """
    limit, names = text_limit(tokenizer, model.config), label_names(model.config)
    with tokenizer_lock(tokenizer):
        return tokenize_tagged(_untagged(sentences), tokenizer, max_length=limit, label_names=names, progress=False)


def _untagged(sentences: Sequence[Sequence[str]]) -> Dataset:
    # `tokenize_tagged` wants true tags, which nothing here depends on.
    return Dataset.from_dict(
        {"tokens": [list(tokens) for tokens in sentences], "tags": [[0] * len(tokens) for tokens in sentences]},
        features=Features({"tokens": List(Value("string")), "tags": List(Value("int64"))}),
    )


def words_of(tokenizer: Any, text: str) -> list[str]:
    """The words that a fast tokenizer cuts a text into before it cuts these into pieces, as they are in the text."""
    with tokenizer_lock(tokenizer):
        encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    words: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(encoded.word_ids(), encoded["offset_mapping"], strict=True):
        first, last = words.get(word, (start, end))
        words[word] = min(first, start), max(last, end)
    found = (text[start:end].strip() for start, end in words.values())
    return [word for word in found if word]


def read_pieces(
    model: Any,
    tokenizer: Any,
    rows: list[list[int]],
    batch_size: int,
    taken: Callable[[torch.Tensor], list[Any]],
) -> list[list[Any]]:
    """What is `taken` of the logits (batch, time, labels) at every piece, for `rows` of token ids (special ones
    included); padding is as good as none.
    """
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    found: list[list[Any]] = [[] for _ in rows]
    with torch.inference_mode(), computing_threads(model):
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            padded = tokenizer.pad(
                {"input_ids": [rows[index] for index in batch]}, padding_side="right", return_tensors="pt"
            )
            for index, values in zip(batch, taken(model(**padded).logits), strict=True):
                found[index] = values[: len(rows[index])]
    return found
