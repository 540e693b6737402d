"""Targets of tokens, numbers or several labels each, to targets of a tokenizer's pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from .tags import NO_TOKEN, tokenize_tagged


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["NO_TARGET", "token_outputs", "tokenize_steps"]


# What labels hold where there is no target: -100, which says so of classes, is a number as good as any other.
NO_TARGET = math.nan


def tokenize_steps(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int | None, progress: bool = True
) -> Dataset:
    """Tokenize sentences with targets; the first piece of a token carries its targets, and the others have none.

    Args:
        dataset: The columns ``tokens`` (lists of strings) and ``targets`` (of each token a list of numbers) are used.
        tokenizer, max_length, progress: As of [`tokenize_tagged`], which cuts long sentences into windows.

    Returns:
        The columns of [`tokenize_tagged`]; ``labels`` are (pieces, outputs), NaN where there is no target.

    Raises:
        ValueError: as [`tokenize_tagged`].
    """
    from datasets import Dataset

    targets = dataset["targets"][:]
    places = Dataset.from_dict({"tokens": dataset["tokens"][:], "tags": [[0] * len(each) for each in targets]})
    tokenized = tokenize_tagged(places, tokenizer, max_length=max_length, label_names=["target"], progress=progress)
    width = next((len(target) for sentence in targets for target in sentence), 1)
    nothing = [NO_TARGET] * width
    labels = [
        [nothing if token == NO_TOKEN else targets[sentence][token] for token in tokens]
        for sentence, tokens in zip(tokenized["sentence"][:], tokenized["token"][:], strict=True)
    ]
    return tokenized.remove_columns("labels").add_column("labels", labels)


def token_outputs(outputs: Sequence[Any] | np.ndarray, tokenized: Dataset, lengths: Sequence[int]) -> list[np.ndarray]:
    """What a model says of every token, from what it says of pieces.

    Args:
        outputs: For each row of `tokenized`, in its order, (pieces, outputs); what follows the pieces is not looked
            at.
        tokenized: What [`tokenize_steps`] or [`tokenize_tagged`] made of the sentences.
        lengths: The number of tokens of each sentence.

    Returns:
        (tokens, outputs) of each sentence, NaN of a token that the tokenizer drops.
    """
    width = np.asarray(outputs[0]).shape[-1] if len(outputs) else 1
    found = [np.full((length, width), NO_TARGET) for length in lengths]
    for values, sentence, token in zip(outputs, tokenized["sentence"][:], tokenized["token"][:], strict=True):
        places = np.asarray(token)
        first = places != NO_TOKEN
        found[sentence][places[first]] = np.asarray(values, dtype=np.float64)[: len(places)][first]
    return found
