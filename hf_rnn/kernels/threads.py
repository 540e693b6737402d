"""Chooses the number of threads that torch computes with: a default that does not collapse on a busy machine.

OpenMP's threads wait for each other after every operation, and by default they spin while they do. A recurrent layer
waits at each step of the sequence: when another process holds a core, the others spin until the scheduler brings the
missing thread back, and a training step takes tens of times as long. Threads that sleep instead are safe, and a little
slower on an idle machine.

So torch computes a recurrent model with one thread, while the compiled kernels, whose threads wait for each other once
a layer, use all cores. What has no recurrence, such as a BERT, uses all cores as torch does by itself;
`OMP_WAIT_POLICY=passive`, which every command sets before torch is loaded, keeps that from collapsing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import torch
from torch import nn

from ..models.paths import compiled_layer
from ..models.recurrent import RecurrentLayer


__all__ = ["computing_threads", "default_threads", "kernel_threads", "use_kernel_threads"]


@dataclass(eq=False)
class _Block:
    """A block that is being computed in some thread of this process. torch's number is one for all of them."""

    of_kernels: int
    of_torch: int


_lock = Lock()
# In the order in which they were entered; the last decides. Blocks of several threads may end in any order.
_blocks: list[_Block] = []
_of_torch_outside = 0


def kernel_threads() -> int:
    """The number of threads of a kernel: that of torch's operations, unless `use_kernel_threads` says otherwise."""
    with _lock:
        return _blocks[-1].of_kernels if _blocks else torch.get_num_threads()


@contextlib.contextmanager
def use_kernel_threads(count: int, of_torch: int | None = None) -> Iterator[None]:
    """Inside the block the kernels use `count` threads, and torch `of_torch`; by default as many as before.

    The kernels' threads wait for each other once a layer, torch's after every product: two of these on a busy machine
    can take a hundred times as long as one, two of the kernels' never longer than one.

    The numbers hold for the whole process. Blocks may overlap in several threads: the one entered last decides, and
    after the last torch has as many threads as before the first.
    """
    global _of_torch_outside
    with _lock:
        if not _blocks:
            _of_torch_outside = torch.get_num_threads()
        block = _Block(count, torch.get_num_threads() if of_torch is None else of_torch)
        _blocks.append(block)
        torch.set_num_threads(block.of_torch)
    try:
        yield
    finally:
        with _lock:
            decided = _blocks[-1] is block
            _blocks.remove(block)
            if decided:
                torch.set_num_threads(_blocks[-1].of_torch if _blocks else _of_torch_outside)


def default_threads(model: nn.Module) -> int:
    """Threads of one torch operation of `model`: 1 where it has a recurrent layer (ours or torch's own), else those
    torch has now. `OMP_NUM_THREADS`, where it is set, is the user's choice and kept.
    """
    recurrent = any(isinstance(module, RecurrentLayer | nn.RNNBase) for module in model.modules())
    return 1 if recurrent and "OMP_NUM_THREADS" not in os.environ else torch.get_num_threads()


@contextlib.contextmanager
def computing_threads(model: nn.Module, threads: int | None = None) -> Iterator[int]:
    """Inside the block torch computes with `threads` threads, by default [`default_threads`] of `model`, and the
    compiled kernels with `threads`, by default as many as torch had; afterwards each with as many as before.

    Yields:
        How many cores that keeps busy.
    """
    of_torch = default_threads(model) if threads is None else threads
    of_kernels = kernel_threads() if threads is None else threads
    compiled = compiled_layer() is not None and any(isinstance(module, RecurrentLayer) for module in model.modules())
    with use_kernel_threads(of_kernels, of_torch):
        yield max(of_torch, of_kernels) if compiled else of_torch
