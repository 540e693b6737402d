"""Memory of the compiled kernels, kept between training steps."""

from __future__ import annotations

import math
import threading
import weakref

import torch


__all__ = ["workspace"]


# Pieces that nobody uses: at most as many as there ever were in use at a time.
_free: list[torch.Tensor] = []
_lock = threading.Lock()


def workspace(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor of `shape`, in memory that an earlier one left behind where a piece is large enough.

    A step's gates are tens of megabytes; from the allocator they come as fresh pages each time, and entering these
    costs as much as computing with them. A piece is free again when the tensor and all its views are gone, whoever
    held them: autograd, or the hooks of checkpointing.
    """
    size = math.prod(shape) * dtype.itemsize
    if size == 0:  # a batch of empty texts
        return torch.empty(shape, dtype=dtype)
    piece = _take(size)
    lent = piece.numpy()  # a new array, which the tensor made from it holds until its storage is freed
    weakref.finalize(lent, _free.append, piece).atexit = False
    return torch.from_numpy(lent)[:size].view(dtype).view(shape)


def _take(size: int) -> torch.Tensor:
    # The smallest that is large enough. If all are too small, the smallest is let go, so that pieces grow in size and
    # not in number. The lock is for others who take; those who give back only append, at any moment.
    with _lock:
        by_size = sorted(range(len(_free)), key=lambda index: len(_free[index]))
        enough = [index for index in by_size if len(_free[index]) >= size]
        found = [_free.pop(index) for index in (enough or by_size)[:1]]
    return found[0] if enough else torch.empty(size, dtype=torch.uint8)
