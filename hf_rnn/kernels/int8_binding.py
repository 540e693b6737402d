"""The C interface of the kernels of 8 bits (`int8.cpp`)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch

from .binding import KINDS
from .int8_packing import PANEL, PackedWeights, padded


__all__ = ["Int8Library", "Int8Task"]


_NUMBERS = ("batch", "steps", "input_size", "units", "output_stride", "row_stride")
_POINTERS = (
    *("rows", "active", "inputs", "weight_x", "weight_h", "scale_x", "scale_h", "sum_x", "sum_h", "bias"),
    *("h_0", "c_0", "outputs", "h_n", "c_n"),
)
_NO_MEMORY = "A layer of 8 bits ran out of memory; take a smaller batch or shorter texts."


class Int8Task(ctypes.Structure):
    """Mirrors `Task` of int8.cpp: first the numbers, then the pointers."""

    _fields_ = [(name, ctypes.c_int64) for name in _NUMBERS] + [(name, ctypes.c_void_p) for name in _POINTERS]


class Int8Library:
    """The loaded library's kernels of 8 bits."""

    def __init__(self, path: Path) -> None:
        self._functions = ctypes.CDLL(str(path))
        integer, size, pointer = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
        self._functions.hf_rnn_int8_run.restype = integer
        self._functions.hf_rnn_int8_run.argtypes = [ctypes.POINTER(Int8Task), size, size, integer]
        self._functions.hf_rnn_int8_linear.restype = integer
        self._functions.hf_rnn_int8_linear.argtypes = [
            *(pointer, size, size, pointer, pointer, pointer, size, pointer, pointer, size),
        ]

    def run(self, tasks: Sequence[Int8Task], threads: int, kernel: str) -> None:
        """Run the tasks to the end, on `threads` threads, this one among them.

        Raises:
            MemoryError: if the kernel's own buffers cannot be had.
        """
        array = (Int8Task * len(tasks))(*tasks)
        if self._functions.hf_rnn_int8_run(array, len(tasks), threads, KINDS[kernel]):
            raise MemoryError(_NO_MEMORY)

    def linear(self, inputs: torch.Tensor, weights: PackedWeights, bias: torch.Tensor) -> torch.Tensor:
        """Multiply `inputs` (rows, depth), contiguous and float32, by the weights and add the bias (columns, padded
        with zeros to whole panels): (rows, columns).

        Raises:
            MemoryError: if the kernel's own buffers cannot be had.
        """
        rows, depth = inputs.shape
        stride = padded(weights.columns, PANEL)
        outputs = inputs.new_empty(rows, stride)
        failed = self._functions.hf_rnn_int8_linear(
            *(inputs.data_ptr(), rows, depth, weights.panels.data_ptr(), weights.scales.data_ptr()),
            *(weights.sums.data_ptr(), weights.columns, bias.data_ptr(), outputs.data_ptr(), stride),
        )
        if failed:
            raise MemoryError(_NO_MEMORY)
        return outputs[:, : weights.columns]
