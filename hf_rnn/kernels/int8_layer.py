"""A recurrent layer with weights of 8 bits, computed by the compiled kernels over padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from ..models.steps import State, Steps
from .binding import plain
from .int8_binding import Int8Library, Int8Task
from .int8_packing import PANEL, PackedWeights
from .schedule import Schedule
from .threads import kernel_threads


__all__ = ["PackedDirection", "run_int8_layer"]


# Products of fewer multiplications than this are done before a second thread has started.
_WORTH_A_THREAD = 8_000_000


@dataclass(frozen=True)
class PackedDirection:
    """What one direction of a layer is computed from.

    Attributes:
        from_input: W_x.
        from_state: W_h.
        bias: (slots, units), float32, what enters each slot besides the products.
    In all of them every gate begins a panel: its units are padded with zeros to a multiple of 16.
    """

    from_input: PackedWeights
    from_state: PackedWeights
    bias: torch.Tensor

    @classmethod
    def of(
        cls,
        kernel: str,
        w_x: tuple[torch.Tensor, torch.Tensor],
        w_h: tuple[torch.Tensor, torch.Tensor],
        b_x: torch.Tensor,
        b_h: torch.Tensor,
    ) -> PackedDirection:
        """Pack a direction of the kind `Cell.kernel`, whose W_x and W_h are pairs of int8 (gates * units, features)
        and float32 scales (gates * units).
        """
        rows, units = w_h[0].shape
        gates = [units] * (rows // units)
        parts_x, parts_h = b_x.split(units), b_h.split(units)
        if kernel == "gru":  # slots r, z, n as it enters from the input, and n's recurrent part
            slots = [parts_x[0] + parts_h[0], parts_x[1] + parts_h[1], parts_x[2], parts_h[2]]
        else:
            slots = [of_input + of_state for of_input, of_state in zip(parts_x, parts_h, strict=True)]
        bias = torch.stack([pad(slot, (0, -units % PANEL)) for slot in slots])
        return cls(PackedWeights.of(*w_x, gates), PackedWeights.of(*w_h, gates), bias)


def run_int8_layer(
    library: Int8Library,
    kernel: str,
    packed: Sequence[PackedDirection],
    inputs: torch.Tensor,
    steps: Steps,
    state: State,
) -> tuple[torch.Tensor, State]:
    """Compute a layer.

    Args:
        library: The loaded kernels.
        kernel: The cell's `Cell.kernel`.
        packed: Each direction's weights.
        inputs: (batch, time, features), float32.
        steps: Which of the steps are real.
        state: h, and c for an LSTM, each (batch, directions, units).

    Returns:
        The output of every step (batch, time, directions * units), zero at the padding, and the state at each
        sequence's own last step.
    """
    batch, time, features = inputs.shape
    directions, units = len(packed), state[0].shape[2]
    work = batch * time * directions * packed[0].from_input.columns * (features + units)
    threads = min(kernel_threads(), 1 + work // _WORTH_A_THREAD)
    schedule = Schedule.shared(steps, time, threads // directions)
    inputs = plain(inputs)
    # c_0 of the cells that have none is h_0 again, never read.
    h_0, c_0 = (plain(schedule.arranged(part)) for part in (state[0], state[-1]))
    h_n, c_n = torch.empty_like(h_0), torch.empty_like(c_0)
    outputs = inputs.new_zeros(batch, time, directions * units)
    tasks = []
    for direction, weights in enumerate(packed):
        for part in schedule.parts:
            task = Int8Task(
                batch=part.size,
                steps=time,
                input_size=features,
                units=units,
                output_stride=directions * units,
                row_stride=batch,
                rows=schedule.rows[direction, 0, part.start :].data_ptr(),
                active=part.active.data_ptr(),
                inputs=inputs.data_ptr(),
                bias=weights.bias.data_ptr(),
                outputs=outputs.data_ptr() + direction * units * outputs.element_size(),
            )
            for letter, matrix in (("x", weights.from_input), ("h", weights.from_state)):
                setattr(task, f"weight_{letter}", matrix.panels.data_ptr())
                setattr(task, f"scale_{letter}", matrix.scales.data_ptr())
                setattr(task, f"sum_{letter}", matrix.sums.data_ptr())
            for name, tensor in (("h_0", h_0), ("c_0", c_0), ("h_n", h_n), ("c_n", c_n)):
                setattr(task, name, tensor[direction, part.start :].data_ptr())
            tasks.append(task)
    library.run(tasks, min(threads, len(tasks)), kernel)
    return outputs, tuple(schedule.restored(part) for part in (h_n, c_n)[: len(state)])
