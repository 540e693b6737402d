"""Buffers of the compiled kernels, kept between training steps."""

from __future__ import annotations

import torch


# More than a deep bidirectional stack has in use at a time.
KEPT = 16


class Buffer:
    """
    An uninitialised tensor, taken from those that earlier ones left behind where one is large enough.

    A step's gates are tens of megabytes; from the allocator they come as fresh pages each time, and entering these
    costs as much as computing with them.
    """

    _free: list[torch.Tensor] = []

    def __init__(self, size: int, dtype: torch.dtype) -> None:
        self.tensor = self._take(size, dtype)

    @classmethod
    def _take(cls, size: int, dtype: torch.dtype) -> torch.Tensor:
        # Not one far too large either: a batch of short texts must not hold on to the buffer of long ones.
        for index, tensor in enumerate(cls._free):
            if tensor.dtype == dtype and size <= tensor.numel() <= 2 * size:
                return cls._free.pop(index)
        return torch.empty(size, dtype=dtype)

    def __del__(self) -> None:
        self._free.append(self.tensor)
        while len(self._free) > KEPT:
            self._free.pop(0)


__all__ = ["Buffer"]
