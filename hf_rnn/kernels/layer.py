"""The compiled path of a recurrent layer, differentiable: see `hf_rnn/models/paths.py`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from ..models.cell import Cell
from ..models.steps import State, Steps
from .binding import DTYPES, KINDS, Library, Task, plain
from .scan_binding import SCANS
from .scan_layer import scan_layer
from .schedule import Part, Schedule
from .threads import kernel_threads
from .workspace import workspace


__all__ = ["CompiledLayer", "captured"]


logger = logging.getLogger(__name__)

# Products of fewer multiplications than this are done before a second thread has started.
_WORTH_A_THREAD = 2_000_000


class CompiledLayer:
    """Computes a layer with the library; `models.paths.provide_compiled_layer` makes it the compiled path."""

    def __init__(self, library: Library) -> None:
        self.compiled = library

    def supports(self, kernel: str, *tensors: torch.Tensor) -> bool:
        """On the CPU, all float32, all float64 or all bfloat16; under autocast of bfloat16 also float32 and bfloat16
        mixed. Not where torch captures or transforms.
        """
        if captured() or not _readable(tensors):
            return False
        if kernel in SCANS:  # it has no products in bfloat16
            types = {tensor.dtype for tensor in tensors}
            return len(types) == 1 and types <= set(DTYPES)
        return kernel in KINDS and _products(tensors) is not None

    def __call__(
        self, cell: Cell, weights: list[list[torch.Tensor]], inputs: torch.Tensor, steps: Steps, state: State
    ) -> tuple[torch.Tensor, State]:
        batch, time, features = inputs.shape
        directions = len(steps.orders)
        flat = [weight for own in weights for weight in own]
        _check(cell, inputs, steps, flat)
        work = batch * time * directions * len(flat[0]) * (features + cell.hidden_size)
        threads = min(kernel_threads(), 1 + work // _WORTH_A_THREAD)
        if cell.kernel in SCANS:
            flat = [plain(weight) for weight in flat]
            return scan_layer(self.compiled.scan, cell.kernel, threads, plain(inputs), steps, plain(state[0]), flat)
        products = self._numbers((inputs, *state, *flat))
        returned = flat[0].dtype
        if products == torch.bfloat16 or returned == torch.bfloat16:  # the kernel rounds them itself, for the products
            inputs, *flat = (tensor.float() for tensor in (inputs, *flat))
            state = tuple(part.float() for part in state)
        flat = [plain(weight) for weight in flat]
        schedule = Schedule.shared(steps, time, threads // directions)
        keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (inputs, *state, *flat))
        threads = min(threads, directions * len(schedule.parts))
        run = _Run(self.compiled, str(cell.kernel), products, schedule, threads, keep)
        # c_0 of the cells that have none is h_0 again, never read.
        h_0, c_0 = (plain(schedule.arranged(part)) for part in (state[0], state[-1]))
        outputs, h_n, c_n = _RecurrentLayerFunction.apply(run, plain(inputs), h_0, c_0, *flat)
        final = tuple(schedule.restored(part).to(returned) for part in (h_n, c_n)[: cell.num_states])
        return outputs.to(returned), final

    def _numbers(self, tensors: Sequence[torch.Tensor]) -> torch.dtype:
        """The type of the products: `_products`, or float32 in place of a bfloat16 that this processor lacks."""
        products = _products(tensors)
        assert products is not None, "what `supports` refuses is not computed"
        if products == torch.bfloat16 and self.compiled.bfloat16 == "float32":
            _say_that_there_is_no_bfloat16()
            return torch.float32
        return products


@functools.cache
def _say_that_there_is_no_bfloat16() -> None:
    logger.warning(
        "This processor has no instructions that make products in bfloat16 faster (amx_bf16, or avx512_bf16 of AMD): "
        "recurrent layers compute in float32, which is no slower and more accurate."
    )


def captured() -> bool:
    """Whether torch captures a graph or transforms the computation, in which the library's part would be missing."""
    return (
        torch.compiler.is_compiling()  # also by torch.export
        or torch.jit.is_tracing()
        or torch._C._are_functorch_transforms_active()  # vmap, jvp, grad of torch.func
        or torch._C._len_torch_dispatch_stack() > 0  # fake tensors, make_fx
        or forward_ad._current_level >= 0
    )


def _products(tensors: Sequence[torch.Tensor]) -> torch.dtype | None:
    """The type of a layer's products, by its inputs, state and weights; None: no kernel has it."""
    types = {tensor.dtype for tensor in tensors}
    autocast = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    if types == {torch.bfloat16} or (autocast and types <= {torch.bfloat16, torch.float32}):
        return torch.bfloat16
    return next(iter(types)) if len(types) == 1 and types <= set(DTYPES) else None


def _readable(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether their numbers can be read by address."""
    return all(
        tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and type(tensor) in (torch.Tensor, torch.nn.Parameter)  # a subclass may hold its numbers elsewhere
        for tensor in tensors
    )


def _check(cell: Cell, inputs: torch.Tensor, steps: Steps, weights: Sequence[torch.Tensor]) -> None:
    # The library goes by these sizes and would read beyond what is there.
    batch, _, features = inputs.shape
    if len(steps.lengths) != batch:
        raise ValueError(f"`steps` are of {len(steps.lengths)} sequences; the inputs are {batch}.")
    rows = cell.num_gates * cell.hidden_size
    recurrent = [(rows, cell.hidden_size), (rows,)] if cell.kernel in KINDS else []
    expected = [(rows, features), *recurrent[:1], (rows,), *recurrent[1:]] * len(steps.orders)
    shapes = [tuple(weight.shape) for weight in weights]
    if shapes != expected:
        raise ValueError(
            f"The parameters of a layer of {cell.hidden_size} units have shapes {shapes}; for `inputs_embeds` or a "
            f"layer below of {features} features they must be {expected}."
        )


@dataclass
class _Run:
    compiled: Library
    kernel: str
    products: torch.dtype
    schedule: Schedule
    threads: int
    keep: bool  # whether there will be a backward pass

    def tasks(self, inputs: torch.Tensor, weights: Sequence[torch.Tensor], **given: torch.Tensor) -> list[Task]:
        """A task for each direction and part; of the tensors in `given`, fields of `Task`, what `_offset` says is its.

        Every tensor must be contiguous, and held by the caller until the tasks have run.
        """
        _, time, features = inputs.shape
        units = given["h_0"].shape[2]
        directions = len(self.schedule.rows)
        tasks: list[Task] = []
        for direction in range(directions):
            w_x, w_h, b_x, b_h = weights[4 * direction : 4 * direction + 4]
            for part in self.schedule.parts:
                index = len(tasks)
                task = Task(
                    batch=part.size,
                    steps=time,
                    input_size=features,
                    units=units,
                    output_stride=directions * units,
                    row_stride=self.schedule.rows.shape[2],
                    keep=self.keep,
                    rows=self.schedule.rows[direction, 0, part.start :].data_ptr(),
                    active=part.active.data_ptr(),
                    inputs=inputs.data_ptr(),
                    weight_x=w_x.data_ptr(),
                    weight_h=w_h.data_ptr(),
                    bias_x=b_x.data_ptr(),
                    bias_h=b_h.data_ptr(),
                )
                for name, tensor in given.items():
                    offset = _offset(name, tensor, direction, part, index)
                    setattr(task, name, tensor.data_ptr() + offset * tensor.element_size())
                tasks.append(task)
        return tasks


def _offset(name: str, tensor: torch.Tensor, direction: int, part: Part, index: int) -> int:
    """How many numbers into `tensor` the field `name` of a task starts."""
    if name in ("outputs", "grad_outputs"):  # (batch, time, directions * units): the direction's columns
        return direction * (tensor.shape[2] // 2)
    if name in ("gates", "cells"):  # (directions, kept rows, numbers)
        return (direction * tensor.shape[1] + part.first_read) * tensor.shape[2]
    if name in ("grad_weight_x", "grad_weight_h", "grad_bias"):  # (tasks, …)
        return index * tensor[0].numel()
    if name == "grad_inputs":  # (directions or one for both, batch, time, features)
        return direction % len(tensor) * tensor[0].numel()
    return (direction * tensor.shape[1] + part.start) * tensor.shape[2]  # (directions, places, units)


class _RecurrentLayerFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, run: _Run, inputs: torch.Tensor, h_0: torch.Tensor, c_0: torch.Tensor, *weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        directions, _, units = h_0.shape
        shape = (*inputs.shape[:2], directions * units)
        # Of a training step they are gone before the next one's are wanted.
        outputs = workspace(shape, inputs.dtype).zero_() if run.keep else inputs.new_zeros(shape)
        h_n, c_n = torch.empty_like(h_0), torch.empty_like(c_0)
        kept: dict[str, torch.Tensor] = {}
        if run.keep:
            read = sum(part.steps_read for part in run.schedule.parts)
            stride = run.compiled.gate_stride(run.kernel, units, inputs.dtype)
            columns = {"gates": stride, "cells": units} if run.kernel == "lstm" else {"gates": stride}
            kept = {name: workspace((directions, read, width), inputs.dtype) for name, width in columns.items()}
            ctx.run, ctx.kept = run, tuple(kept)
            # What is kept too, so that checkpointing can do without it and nothing outlives the backward pass.
            ctx.save_for_backward(inputs, h_0, c_0, outputs, *kept.values(), *weights)
        tasks = run.tasks(inputs, weights, outputs=outputs, h_0=h_0, c_0=c_0, h_n=h_n, c_n=c_n, **kept)
        run.compiled.run(tasks, run.threads, run.kernel, run.products, backward=False)
        return outputs, h_n, c_n

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_outputs: torch.Tensor, grad_h_n: torch.Tensor, grad_c_n: torch.Tensor
    ) -> tuple[torch.Tensor | None, ...]:
        inputs, h_0, c_0, outputs, *rest = ctx.saved_tensors
        kept, weights = dict(zip(ctx.kept, rest, strict=False)), rest[len(ctx.kept) :]
        run, directions, units = ctx.run, len(h_0), h_0.shape[2]
        num_tasks = directions * len(run.schedule.parts)
        recurrent, entered = len(weights[1]), len(weights[0])
        slots = entered + units if run.kernel == "gru" else entered
        # A name of its own: the tasks point at it, and pointers keep nothing alive.
        grad_outputs = plain(grad_outputs)
        # Read and replaced by the kernel: those of the final state become those of the initial one.
        grad_h, grad_c = (plain(grad).clone() for grad in (grad_h_n, grad_c_n))
        grads = {
            "grad_weight_x": inputs.new_zeros(num_tasks, inputs.shape[2], entered),
            "grad_weight_h": inputs.new_zeros(num_tasks, units, recurrent),
            "grad_bias": inputs.new_zeros(num_tasks, slots),
        }
        if ctx.needs_input_grad[1]:
            # A single thread adds the second direction's to the first's.
            copies = 1 if run.threads == 1 else directions
            grads["grad_inputs"] = workspace((copies, *inputs.shape), inputs.dtype).zero_()
        tasks = run.tasks(
            inputs,
            weights,
            **grads,
            **kept,
            outputs=outputs,
            h_0=h_0,
            c_0=c_0,
            grad_outputs=grad_outputs,
            grad_h=grad_h,
            grad_c=grad_c,
        )
        run.compiled.run(tasks, run.threads, run.kernel, run.products, backward=True)
        grad_inputs = None
        if ctx.needs_input_grad[1]:
            grad_inputs, *others = grads["grad_inputs"]
            for other in others:
                grad_inputs += other
        return None, grad_inputs, grad_h, grad_c, *_weight_gradients(run.kernel, directions, units, grads)


def _weight_gradients(kernel: str, directions: int, units: int, grads: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """W_x, W_h, b_x and b_h of each direction, from the tasks' shares."""
    by_direction = {
        name: grads[name].unflatten(0, (directions, -1)).sum(1)
        for name in ("grad_weight_x", "grad_weight_h", "grad_bias")
    }
    gradients = []
    for direction in range(directions):
        bias_x = bias_h = by_direction["grad_bias"][direction]
        if kernel == "gru":  # slots r, z, n as they enter from the input, and n's recurrent part
            bias_x, bias_h = bias_x[: 3 * units], torch.cat([bias_h[: 2 * units], bias_h[3 * units :]])
        weight_x, weight_h = (by_direction[name][direction].T for name in ("grad_weight_x", "grad_weight_h"))
        gradients += [weight_x, weight_h, bias_x, bias_h]
    return gradients
