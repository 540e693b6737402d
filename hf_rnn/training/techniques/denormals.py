"""Denormal numbers flushed to zero, in every thread that torch computes with, for as long as a block lasts.

Gradients that vanish through time end as denormals, on which a CPU computes many times slower.
`torch.set_flush_denormal` reaches the calling thread only; OpenMP's workers take the mode of the thread that starts
them, so those that exist already keep theirs. Here the workers are ended (`omp_pause_resource_all`, OpenMP 5.0,
section 3.2.44) so that the next parallel region starts new ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Iterator

import torch


__all__ = ["all_threads_flush", "calling_thread_flushes", "flushed_denormals"]


logger = logging.getLogger(__name__)

# Halved, it is a denormal: zero where they are flushed.
_SMALLEST_NORMAL = torch.finfo(torch.float32).tiny
# Elements for each thread, well above what torch computes without its workers (32,768).
_ELEMENTS_PER_THREAD = 131_072
_OMP_PAUSE_HARD = 2


def calling_thread_flushes() -> bool:
    """Whether the calling thread flushes denormals; torch can set this mode but not tell it."""
    return not bool(torch.full((1,), _SMALLEST_NORMAL).mul(0.5).any())


def all_threads_flush() -> bool:
    """Whether every thread flushes: seen by its effect on a product that all of them share."""
    size = _ELEMENTS_PER_THREAD * torch.get_num_threads()
    return not bool(torch.full((size,), _SMALLEST_NORMAL).mul(0.5).any())


def _openmp_runtime() -> ctypes.CDLL | None:
    # The runtime torch itself has loaded; loading a second one by name would end the wrong workers.
    try:
        with open("/proc/self/maps") as maps:
            paths = {
                line.split()[-1] for line in maps if any(name in line for name in ("libgomp", "libiomp", "libomp"))
            }
    except OSError:
        return None
    of_torch = sorted(paths, key=lambda path: "/torch/" not in path)
    return ctypes.CDLL(of_torch[0]) if of_torch else None


def _set_everywhere(flush: bool) -> bool:
    supported = bool(torch.set_flush_denormal(flush))
    runtime = _openmp_runtime()
    pause = getattr(runtime, "omp_pause_resource_all", None)
    if pause is not None:
        pause(_OMP_PAUSE_HARD)
    return supported


@contextlib.contextmanager
def flushed_denormals() -> Iterator[bool]:
    """Flush denormals in all of torch's threads inside the block, and restore the mode found, however the block ends.

    Yields:
        Whether every thread does flush. Where they cannot be reached (an unknown OpenMP runtime, a CPU without the
        mode) training is as exact as ever and may be slower; this is logged.
    """
    before = calling_thread_flushes()
    _set_everywhere(True)
    try:
        reached = all_threads_flush()
        if not reached:
            logger.warning("Denormal numbers are not flushed in every thread; training may be several times slower.")
        yield reached
    finally:
        _set_everywhere(before)
