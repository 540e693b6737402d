"""The C interface of the compiled kernels (`native/recurrence.cpp`)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch

from .scan_binding import ScanFunction


__all__ = ["DTYPES", "KINDS", "NUMBERS", "Library", "Task", "plain"]


# The kinds of cell, by `Cell.kernel`, in the order of the enumeration `Kind`.
KINDS = {kernel: number for number, kernel in enumerate(("lstm", "gru", "rnn_tanh", "rnn_relu"))}
DTYPES = (torch.float32, torch.float64)
# The numbers that a layer is computed in, in the order of the enumeration `Numbers`. In bfloat16 only the products are
# computed: the fields of a task are float32.
NUMBERS = ("float32", "float64", "bfloat16 by vectors", "bfloat16 by tiles")

_NUMBERS = ("batch", "steps", "input_size", "units", "output_stride", "row_stride", "keep")
_POINTERS = (
    *("rows", "active", "inputs", "weight_x", "weight_h", "bias_x", "bias_h", "h_0", "c_0"),
    *("outputs", "gates", "cells", "h_n", "c_n"),
    *("grad_outputs", "grad_h", "grad_c", "grad_inputs", "grad_weight_x", "grad_weight_h", "grad_bias"),
)


class Task(ctypes.Structure):
    """Mirrors `Task` of recurrence.cpp: first the numbers, then the pointers."""

    _fields_ = [(name, ctypes.c_int64) for name in _NUMBERS] + [(name, ctypes.c_void_p) for name in _POINTERS]


class Library:
    """The loaded library.

    Attributes:
        scan: What it computes of minGRU and minLSTM.
        bfloat16: Which of `NUMBERS` products in bfloat16 are computed in; "float32" where this processor has no
            instructions that make them faster, or the system keeps them from us.
    """

    def __init__(self, path: Path) -> None:
        self._functions = ctypes.CDLL(str(path))
        self.scan = ScanFunction(self._functions)
        self._functions.hf_rnn_gate_stride.restype = ctypes.c_int64
        self._functions.hf_rnn_gate_stride.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int]
        for function in (self._functions.hf_rnn_run, self._functions.hf_rnn_has, self._functions.hf_rnn_bfloat16):
            function.restype = ctypes.c_int
        integer, size = ctypes.c_int, ctypes.c_int64
        self._functions.hf_rnn_run.argtypes = [ctypes.POINTER(Task), size, size, integer, integer, integer]
        self._functions.hf_rnn_has.argtypes = [integer]
        self.bfloat16 = NUMBERS[self._functions.hf_rnn_bfloat16()]

    def has(self, numbers: str) -> bool:
        """Whether this processor computes in `numbers`, one of `NUMBERS`, and the system lets it."""
        return bool(self._functions.hf_rnn_has(NUMBERS.index(numbers)))

    def gate_stride(self, kernel: str, units: int, dtype: torch.dtype) -> int:
        """Numbers between the rows of a task's `gates`."""
        return int(self._functions.hf_rnn_gate_stride(KINDS[kernel], units, self._numbers(dtype)))

    def run(self, tasks: Sequence[Task], threads: int, kernel: str, dtype: torch.dtype, backward: bool) -> None:
        """Run the tasks to the end, on `threads` threads, this one among them. The fields of a task are of `dtype`;
        for bfloat16 they are float32, and the products alone are computed in it.

        Raises:
            MemoryError: if the kernel's own buffers cannot be had.
        """
        array = (Task * len(tasks))(*tasks)
        numbers = self._numbers(dtype)
        failed = self._functions.hf_rnn_run(array, len(tasks), threads, KINDS[kernel], numbers, backward)
        if failed:
            raise MemoryError("A recurrent layer ran out of memory; take a smaller batch or shorter texts.")

    def _numbers(self, dtype: torch.dtype) -> int:
        name = self.bfloat16 if dtype == torch.bfloat16 else str(dtype).removeprefix("torch.")
        return NUMBERS.index(name)


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Lay the numbers out in memory as the library reads them: row-major, and with no sign that torch still owes
    them.
    """
    return tensor.resolve_neg().contiguous()
