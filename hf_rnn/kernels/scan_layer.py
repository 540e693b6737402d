"""The compiled path of a layer whose gates look at the input alone, differentiable: one product for all the real steps
of both directions, and the scan of `scan.cpp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from ..models.steps import State, Steps
from .binding import plain
from .scan_binding import ScanFunction, ScanTask
from .workspace import workspace


__all__ = ["scan_layer"]


def scan_layer(
    scan: ScanFunction,
    kernel: str,
    threads: int,
    inputs: torch.Tensor,
    steps: Steps,
    h_0: torch.Tensor,
    weights: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, State]:
    """Compute a layer in every direction that `steps` has an order for.

    Args:
        scan: The library's function.
        kernel: The cell's `Cell.kernel`.
        threads: Of the scan; the products have torch's.
        inputs: (batch, time, features), contiguous as the others.
        steps: Which of the steps are real.
        h_0: (batch, directions, units).
        weights: W_x (gates * units, features) and b_x (gates * units) of each direction.

    Returns:
        The output of every step (batch, time, directions * units), zero at the padding, and the state at each
        sequence's own last step, (batch, directions, units).
    """
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (inputs, h_0, *weights))
    run = _Run(scan, kernel, threads, keep, _Rows.of(steps))
    outputs, h_n = _ScanLayerFunction.apply(run, inputs, h_0, *weights)
    return outputs, (h_n,)


@dataclass
class _Rows:
    """Where the rows of a batch of (batch * time) steps are read.

    Attributes:
        lengths: (batch), the real steps of each sequence.
        orders: Each direction's order of the rows, (batch * time); None: as they lie.
        real: The rows that are real steps; None: all are.
        places: (batch * time), where a row stands in `real`.
    """

    lengths: torch.Tensor
    orders: list[torch.Tensor | None]
    real: torch.Tensor | None = None
    places: torch.Tensor | None = None

    @classmethod
    def of(cls, steps: Steps) -> _Rows:
        orders = [None if gather is None else gather.index for gather in steps.orders]
        if steps.padding is None:
            return cls(steps.lengths, orders)
        kept = ~steps.padding.flatten()
        return cls(steps.lengths, orders, kept.nonzero().squeeze(1), kept.cumsum(0) - 1)

    def picked(self, inputs: torch.Tensor) -> torch.Tensor:
        """The real rows of (batch, time, features)."""
        rows = inputs.flatten(0, 1)
        return rows if self.real is None else rows.index_select(0, self.real)

    def spread(self, rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """What `picked` did, undone: zeros at the padding."""
        if self.real is None:
            return rows.view_as(like)
        return torch.zeros_like(like).flatten(0, 1).index_copy_(0, self.real, rows).view_as(like)


@dataclass
class _Run:
    scan: ScanFunction
    kernel: str
    threads: int
    keep: bool  # whether there will be a backward pass
    rows: _Rows

    def __call__(self, h_0: torch.Tensor, time: int, backward: bool, **given: torch.Tensor) -> None:
        """Run a task with the tensors of these names, which are fields of `ScanTask`."""
        batch, directions, units = h_0.shape
        task = ScanTask(batch=batch, time=time, directions=directions, units=units)
        backwards = self.rows.orders[1] if directions == 2 else None
        task.point(lengths=self.rows.lengths, order_forward=self.rows.orders[0], order_backward=backwards)
        task.point(places=self.rows.places, h_0=h_0, **given)
        self.scan.run(task, min(self.threads, batch * directions), self.kernel, h_0.dtype, backward)


class _ScanLayerFunction(torch.autograd.Function):
    # Autocast is off inside: a layer is computed in the precision of its weights.

    @staticmethod
    def forward(
        ctx: Any, run: _Run, inputs: torch.Tensor, h_0: torch.Tensor, *weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        w_x, bias = torch.cat(weights[::2]), torch.cat(weights[1::2])
        batch, time, _ = inputs.shape
        rows = run.rows.picked(inputs)
        gates = workspace((len(rows), len(w_x)), inputs.dtype)
        with torch.autocast("cpu", enabled=False):
            torch.mm(rows, w_x.T, out=gates)
        # Only at the padding the scan writes nothing.
        allocate = inputs.new_empty if run.rows.real is None else inputs.new_zeros
        outputs = allocate(batch, time, h_0.shape[1] * h_0.shape[2])
        h_n = torch.empty_like(h_0)
        run(h_0, time, backward=False, bias=bias, gates=gates, outputs=outputs, h_n=h_n)
        if run.keep:
            ctx.run = run
            # What is kept too, so that checkpointing can do without it and nothing outlives the backward pass.
            ctx.save_for_backward(inputs, h_0, outputs, gates, *weights)
        return outputs, h_n

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: torch.Tensor, grad_h_n: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        inputs, h_0, outputs, gates, *weights = ctx.saved_tensors
        run: _Run = ctx.run
        batch, time, _ = inputs.shape
        # A name of its own: the task points at it, and pointers keep nothing alive.
        grad_outputs = plain(grad_outputs)
        # Read and replaced: the gradient of the final state becomes that of the initial one.
        grad_h = plain(grad_h_n).clone()
        grad_gates = workspace(tuple(gates.shape), gates.dtype)
        grad_bias = gates.new_empty(batch, gates.shape[1])
        given = {"gates": gates, "outputs": outputs, "grad_outputs": grad_outputs, "grad_h": grad_h}
        run(h_0, time, backward=True, **given, grad_gates=grad_gates, grad_bias=grad_bias)
        grad_inputs = None
        with torch.autocast("cpu", enabled=False):
            if ctx.needs_input_grad[1]:
                grad_inputs = run.rows.spread(grad_gates @ torch.cat(weights[::2]), inputs)
            grad_weights = (grad_gates.T @ run.rows.picked(inputs)).chunk(h_0.shape[1])
        grad_biases = grad_bias.sum(0).chunk(h_0.shape[1])
        by_direction = zip(grad_weights, grad_biases, strict=True)
        return None, grad_inputs, grad_h, *(grad for pair in by_direction for grad in pair)
