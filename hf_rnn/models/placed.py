"""Where a model computes, and in which type, also where it has no parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import nn


__all__ = ["PlacedMixin"]


class PlacedMixin:
    """Make `dtype` and `device` known of a replica of `nn.DataParallel`, whose weights are plain tensors, and of a
    model that has buffers alone, where transformers ends in a StopIteration.
    """

    @property
    def dtype(self) -> torch.dtype:
        """The type of the first floating-point weight."""
        try:
            return cast(torch.dtype, super().dtype)  # type: ignore[misc]
        except StopIteration:
            return next(tensor.dtype for tensor in _stand_ins(cast(nn.Module, self)) if tensor.is_floating_point())

    @property
    def device(self) -> torch.device:
        """The device of the first weight."""
        try:
            return cast(torch.device, super().device)  # type: ignore[misc]
        except StopIteration:
            return next(tensor.device for tensor in _stand_ins(cast(nn.Module, self)))


def _stand_ins(model: nn.Module) -> Iterator[torch.Tensor]:
    for module in model.modules():
        yield from getattr(module, "_former_parameters", {}).values()
    yield from model.buffers()
