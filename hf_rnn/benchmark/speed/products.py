"""Measures the floating point operations a second that this machine reaches in plain matrix products."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .peers.base import Peer


if TYPE_CHECKING:
    import torch

# Rows and columns: large enough to be limited by arithmetic, small enough to be measured in a blink.
SIZES = (1024, 2048)
CALLS = 3


class Products(Peer):
    """The rate of square products, by torch's own choice of library and by oneDNN, which the LSTM kernels use."""

    def measure(self) -> dict[str, dict[str, float]]:
        """Data type → product → GFLOP a second, the best of `SIZES`."""
        import torch

        rates: dict[str, dict[str, float]] = {}
        with torch.inference_mode():
            for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
                kinds = {"torch.mm": matrix_product, "oneDNN": onednn_product}
                rates[name] = {
                    kind: max(rate(call(size, dtype), size) for size in SIZES) for kind, call in kinds.items()
                }
        return rates


def rate(call: Callable[[], object], size: int) -> float:
    """GFLOP a second of the fastest of `CALLS`: a peak is what was reached, not what is usual."""
    call()
    best = float("inf")
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def matrix_product(size: int, dtype: torch.dtype) -> Callable[[], object]:
    import torch

    left, right, out = (torch.randn(size, size).to(dtype) for _ in range(3))
    return lambda: torch.mm(left, right, out=out)


def onednn_product(size: int, dtype: torch.dtype) -> Callable[[], object]:
    import torch

    inputs, weight = (torch.randn(size, size).to(dtype).to_mkldnn() for _ in range(2))
    return lambda: torch.nn.functional.linear(inputs, weight)
