"""Helpers of the stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def fix_random_seed(seed: int) -> None:
    pass


def minibatch(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
