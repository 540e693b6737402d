"""How many streams of a text are read side by side where nobody says it: few of a short text."""

from __future__ import annotations

from typing import Any


__all__ = ["FEWEST_STREAMS", "MOST_STREAMS", "choose_streams", "num_streams", "streams_of", "take_streams"]


MOST_STREAMS, FEWEST_STREAMS = 32, 4
# The updates of an epoch that a number of streams should leave.
UPDATES = 500


def num_streams(tokens: int, block_size: int) -> int:
    """Choose how many streams one step reads: 32, or half as many and again half, down to 4, until an epoch has 500
    updates. A text of few tokens has few windows, and each step learns from one window of every stream.

    Args:
        tokens: Those of the training text.
        block_size: The steps of a window.

    Example:
        >>> num_streams(1_000_000, 70)
        16
    """
    streams = MOST_STREAMS
    while streams > FEWEST_STREAMS and tokens < UPDATES * streams * block_size:
        streams //= 2
    return streams


def streams_of(arguments: Any) -> int:
    """Count the streams that one step of the optimizer reads."""
    return int(arguments.train_batch_size * _parts(arguments))


def choose_streams(arguments: Any, tokens: int) -> None:
    """Set `per_device_train_batch_size` of language-model `arguments` that leave it open.

    Args:
        arguments: [`LanguageTrainingArguments`].
        tokens: Those of the training text.
    """
    if arguments.streams_are_open:
        streams = num_streams(tokens, arguments.block_size)
        arguments.per_device_train_batch_size = max(1, streams // (_parts(arguments) * max(1, arguments.n_gpu)))


def take_streams(arguments: Any, train_dataset: Any) -> None:
    """Have `arguments` that leave the number open read as many streams as `train_dataset` has."""
    if getattr(arguments, "streams_are_open", False) and train_dataset is not None:
        parts = _parts(arguments) * max(1, arguments.n_gpu)
        if train_dataset.num_columns % parts == 0:
            arguments.per_device_train_batch_size = train_dataset.num_columns // parts


def _parts(arguments: Any) -> int:
    """Micro-batches of a step, those of all processes."""
    return int(arguments.gradient_accumulation_steps * arguments.world_size)
