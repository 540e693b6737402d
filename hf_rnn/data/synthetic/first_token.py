"""Remember the first token: a task whose label hangs on what stood at the other end of the sequence.

A sequence begins with one of `NUM_CLASSES` tokens, its label; `NUM_DISTRACTORS` other tokens, drawn at random, follow.
The information is to be latched for as many steps as the sequence has (Bengio, Simard & Frasconi 1994,
https://doi.org/10.1109/72.279181), which a network learns only from a gradient that reaches back to the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["NUM_CLASSES", "VOCAB_SIZE", "first_token_examples"]

NUM_CLASSES = 2
NUM_DISTRACTORS = 4
# Token 0 is the padding of every model, and not among them.
VOCAB_SIZE = 1 + NUM_CLASSES + NUM_DISTRACTORS


def first_token_examples(count: int, length: int, seed: int = 0) -> Dataset:
    """`count` sequences of `length` tokens; the same arguments give the same ones.

    Columns: `input_ids`, in [1, `VOCAB_SIZE`), and `labels`, in [0, `NUM_CLASSES`): the first token less 1.

    Raises:
        ValueError: `count` is negative, or `length` below 1.
    """
    from datasets import Dataset

    for name, value, least in (("count", count, 0), ("length", length, 1)):
        if value < least:
            raise ValueError(f"`{name}` is {value}; it must be at least {least}.")
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(NUM_CLASSES, (count,), generator=generator)
    input_ids = torch.randint(1 + NUM_CLASSES, VOCAB_SIZE, (count, length), generator=generator)
    input_ids[:, 0] = 1 + labels
    return Dataset.from_dict({"input_ids": input_ids.numpy(), "labels": labels.numpy()})
