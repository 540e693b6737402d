"""How many threads the compiled kernels use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


_chosen: int | None = None


def kernel_threads() -> int:
    """As many as torch has for its operations, unless `use_kernel_threads` says otherwise."""
    return torch.get_num_threads() if _chosen is None else _chosen


@contextlib.contextmanager
def use_kernel_threads(count: int) -> Iterator[None]:
    """
    Inside the block the kernels use `count` threads, whatever torch uses.

    Theirs wait for each other once a layer, torch's after every product: two of these on a busy machine can take a
    hundred times as long as one (`hf_rnn.training.threads`), two of the kernels' never longer than one.
    """
    global _chosen
    before, _chosen = _chosen, count
    try:
        yield
    finally:
        _chosen = before


__all__ = ["kernel_threads", "use_kernel_threads"]
