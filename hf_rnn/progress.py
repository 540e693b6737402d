"""What transformers says that says nothing: bars of reading and writing weights, which take a moment here, and that
the head of an encoder without one is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers.utils import logging


__all__ = ["without_load_report", "without_weight_bars"]


@contextmanager
def without_load_report() -> Iterator[None]:
    """Inside the block transformers does not warn of the weights that a checkpoint lacks."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def without_weight_bars() -> Iterator[None]:
    """Inside the block transformers draws no bar of its own, such as "Loading weights" or "Writing model shards".

    Bars of downloads are drawn as ever, since these may take long. Afterwards everything is as it was before.
    """
    before = logging.set_tqdm_hook(_undrawn)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _undrawn(bar: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return bar(*args, **{**options, "disable": True})
