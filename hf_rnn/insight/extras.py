"""Libraries that only the insights need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def insight_extra() -> Iterator[None]:
    """Around the import of a library of the extra `insight`: where it is missing, the error says how to get it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(f'{error.name} is missing: pip install "hf_rnn[insight]"', name=error.name) from error


__all__ = ["insight_extra"]
