"""The reading of one token at a time by a whole language model in one call, where something provides that.

`generate` asks a model for the scores after one token, thousands of times, with the same weights. What reads a token
in one call, with the weights laid out once for all of them, is provided where the package `hf_rnn` is installed and
has built its kernels (`hf_rnn.kernels`); without it, each token goes through the modules of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch

from .cache_rnn import RecurrentCache


__all__ = ["TokenReader", "provide_token_reader", "token_reader", "tokens_read_by"]


class TokenReader(Protocol):
    """What reads the tokens of one call of `generate`."""

    model: Any

    def __call__(self, input_ids: torch.Tensor, cache: RecurrentCache) -> tuple[torch.Tensor, RecurrentCache] | None:
        """Read one token of each text, `input_ids` (batch, 1), none of them padding.

        Returns:
            The scores of the next token (batch, 1, vocab_size) and the state after this one; None where the modules
            of the model are to read it.
        """
        ...


_make: Callable[[Any], TokenReader | None] | None = None
_reader: ContextVar[TokenReader | None] = ContextVar("token_reader", default=None)


def provide_token_reader(make: Callable[[Any], TokenReader | None] | None) -> None:
    """Let `make` give the reader of a language model, or None for one that it cannot read; None takes it away."""
    global _make
    _make = make


@contextmanager
def tokens_read_by(model: Any) -> Iterator[None]:
    """Let a reader, where one is provided for `model`, read its tokens inside the block, in this thread."""
    token = _reader.set(None if _make is None else _make(model))
    try:
        yield
    finally:
        _reader.reset(token)


def token_reader(model: Any) -> TokenReader | None:
    """The reader of `model` in this block; None: there is none."""
    reader = _reader.get()
    return reader if reader is not None and reader.model is model else None
