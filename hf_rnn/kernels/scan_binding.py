"""The C interface of the compiled scan (`scan.cpp`)."""

from __future__ import annotations

import ctypes

import torch


__all__ = ["SCANS", "ScanFunction", "ScanTask"]


# The kinds of cell, by `Cell.kernel`, as `hf_rnn_scan` numbers them.
SCANS = {"min_gru": 0, "min_lstm": 1}

_NUMBERS = ("batch", "time", "directions", "units")
_POINTERS = (
    *("lengths", "order_forward", "order_backward", "places"),
    *("bias", "gates", "h_0", "outputs", "h_n"),
    *("grad_outputs", "grad_h", "grad_gates", "grad_bias"),
)


class ScanTask(ctypes.Structure):
    """Mirrors `ScanTask` of scan.cpp: first the numbers, then the pointers."""

    _fields_ = [(name, ctypes.c_int64) for name in _NUMBERS] + [(name, ctypes.c_void_p) for name in _POINTERS]

    def point(self, **tensors: torch.Tensor | None) -> None:
        """Let each named pointer be at the tensor's numbers, or nowhere for None. A tensor must be contiguous, and be
        held by the caller until the task has run.
        """
        for name, tensor in tensors.items():
            setattr(self, name, None if tensor is None else tensor.data_ptr())


class ScanFunction:
    """The scan of a loaded library.

    Args:
        functions: The library.
    """

    def __init__(self, functions: ctypes.CDLL) -> None:
        integer = ctypes.c_int
        self._run = functions.hf_rnn_scan
        self._run.restype = integer
        self._run.argtypes = [ctypes.POINTER(ScanTask), ctypes.c_int64, integer, integer, integer]

    def run(self, task: ScanTask, threads: int, kernel: str, dtype: torch.dtype, backward: bool) -> None:
        """Run the task to the end, on `threads` threads, this one among them.

        Raises:
            MemoryError: if no list of threads can be had.
        """
        if self._run(ctypes.byref(task), threads, SCANS[kernel], dtype == torch.float64, backward):
            raise MemoryError("A recurrent layer ran out of memory; take a smaller batch or shorter texts.")
