"""The choice between several equal ways, or paths, of computing a recurrent layer.

    compiled    one compiled kernel for all steps and both directions; it touches no padding and gives every state.
                CPU, float32, float64 and bfloat16, where the package `hf_rnn` is installed and has built it
                (`hf_rnn.kernels`).
    fused       torch's own kernels (oneDNN, cuDNN): dense, over rows gathered so that each direction reads its own
                first step first; packed where the final c of an LSTM is wanted at unequal lengths. Any device, dtype.
                Of minGRU and minLSTM a parallel scan in plain PyTorch (`scan.py`).
    reference   the equations, a step at a time in plain PyTorch. Slow, and what the others are held equal to. It alone
                computes the cells that no kernel has (`GruConfig.reset_after=False`, the output-fed Elman networks).

By itself a layer takes the first of these that can compute it; but on the CPU the reference for a single step of a few
sequences, as in generation: the kernels rearrange all the weights before they begin, which takes longer than the step.
`recurrent_path` forces one of them. What `torch.jit.trace` or `torch.export` records has nothing of the compiled path,
and an export has the reference alone: it would keep torch's kernels for the number of steps of its example.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch

from .steps import State
from .tracing import recorded


__all__ = [
    "PATHS",
    "CompiledLayer",
    "choose_path",
    "compiled_layer",
    "forced_path",
    "provide_compiled_layer",
    "recurrent_path",
]


PATHS = ("compiled", "fused", "reference")
# Sequences of which one step is computed sooner than the weights are rearranged.
_FEW = 16


class CompiledLayer(Protocol):
    """What the compiled path is, for those who provide it."""

    def supports(self, kernel: str, *tensors: torch.Tensor) -> bool:
        """Whether it computes `Cell.kernel` on these inputs, state and parameters."""
        ...

    def __call__(
        self, cell: Any, weights: list[list[torch.Tensor]], inputs: torch.Tensor, steps: Any, state: State
    ) -> tuple[torch.Tensor, State]:
        """Compute, for a `Cell` with `weights` (each direction's `Cell.drawn_weights`) and from `state` (each part of
        it (batch, directions, units)), the output of every step (batch, time, directions * units), zero at the
        padding, and the state at each sequence's own last step.
        """
        ...


_forced: ContextVar[str | None] = ContextVar("recurrent_path", default=None)
_compiled: CompiledLayer | None = None


def provide_compiled_layer(layer: CompiledLayer | None) -> None:
    """Make `layer` the compiled path of this process; None takes it away."""
    global _compiled
    _compiled = layer


def compiled_layer() -> CompiledLayer | None:
    return _compiled


@contextmanager
def recurrent_path(name: str | None) -> Iterator[None]:
    """Compute every recurrent layer inside the block by one path, in this thread.

    Args:
        name: "compiled", "fused" or "reference"; None: each layer by its fastest again. A cell that the path cannot
            compute takes the next one.

    Raises:
        ValueError: for another name, and for "compiled" where there is no compiled kernel.
    """
    if name is not None and name not in PATHS:
        raise ValueError(f"`name`={name!r} must be one of {', '.join(PATHS)}, or None.")
    if name == "compiled" and _compiled is None:
        raise ValueError("`name`='compiled': no kernel is loaded. Build it with `python -m hf_rnn.kernels`.")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def forced_path() -> str | None:
    """The path that [`recurrent_path`] forces here; None: each layer takes its fastest."""
    return _forced.get()


def choose_path(kernel: str | None, *tensors: torch.Tensor) -> str:
    """The path for a layer.

    Args:
        kernel: The cell's `Cell.kernel`.
        tensors: What it is computed from: the inputs (batch, time, features), the state and the weights.
    """
    if recorded():
        return "reference" if kernel is None or torch.compiler.is_exporting() else "fused"
    forced = _forced.get()
    if kernel is None or (forced is None and _one_step_of_few(tensors[0])):
        return "reference"
    first = PATHS.index(forced or PATHS[0])
    if first == 0 and _compiled is not None and _compiled.supports(kernel, *tensors):
        return "compiled"
    return PATHS[max(first, 1)]


def _one_step_of_few(inputs: torch.Tensor) -> bool:
    batch, time, _ = inputs.shape
    return time == 1 and batch <= _FEW and inputs.device.type == "cpu"
