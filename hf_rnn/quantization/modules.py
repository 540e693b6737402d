"""The modules of 8 bits that stand in place of a model's own: a cell and a table of vectors.

What they hold are buffers: nothing in them can be trained, and their scales are of float32 wherever they go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import nn
from transformers.utils import logging

from ..kernels.binding import KINDS
from ..kernels.int8_layer import PackedDirection, run_int8_layer
from ..kernels.int8_loading import int8_library
from ..kernels.layer import captured
from ..models.cell import Cell
from ..models.paths import forced_path
from ..models.steps import State, Steps
from .plain import Int8Direction, read_plainly
from .rounding import round_weights


__all__ = ["Int8Cell", "Int8Embedding", "Int8Module"]


logger = logging.get_logger(__name__)


class Int8Module(nn.Module):
    """A module of 8 bits, for inference alone."""

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Any:
        dtype = fn(torch.zeros((), dtype=torch.float32)).dtype
        if dtype != torch.float32:
            raise ValueError(
                f"`dtype` is {dtype}; a model of 8 bits computes in torch.float32, which is what it may be made."
            )
        return super()._apply(fn, recurse)

    def refuse_training(self, *inputs: torch.Tensor) -> None:
        """Refuse to compute where a gradient would be lost.

        Raises:
            ValueError: the module is in training mode, or one of `inputs` wants a gradient.
        """
        if self.training:
            raise ValueError(
                "`model.train()` was called; a model of 8 bits is for inference: call `model.eval()`, and train the "
                "model that it was made of."
            )
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
            raise ValueError(
                "`requires_grad` is True of what a layer of 8 bits reads; it may be False, as there are no gradients "
                "through 8 bits: compute under `torch.no_grad()`, or take the model that this one was made of."
            )


class Int8Embedding(Int8Module):
    """A table of vectors in 8 bits, each vector with its scale, in place of `nn.Embedding`."""

    weight: torch.Tensor
    weight_scale: torch.Tensor

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.register_buffer("weight", torch.zeros(num_embeddings, embedding_dim, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.zeros(num_embeddings, dtype=torch.float32))

    @classmethod
    def like(cls, table: nn.Embedding) -> Int8Embedding:
        """Make one of the same shape."""
        return cls(table.num_embeddings, table.embedding_dim, table.padding_idx)

    def take(self, table: nn.Embedding, name: str) -> None:
        """Round the numbers of `table`, which errors call by `name`."""
        self.weight, self.weight_scale = round_weights(f"{name}.weight", table.weight)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids (…) to vectors (…, features) of float32."""
        # As `nn.Embedding` does: an id out of range is an error, also a negative one.
        flat = ids.flatten()
        vectors = self.weight.index_select(0, flat).float() * self.weight_scale.index_select(0, flat).unsqueeze(1)
        return vectors.view(*ids.shape, self.embedding_dim)

    def extra_repr(self) -> str:
        """What `print(model)` shows of it."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Int8Cell(Int8Module):
    """A cell with weights of 8 bits in place of a [`Cell`] that has a kernel: LSTM, GRU or Elman network.

    Inputs and states are rounded to 8 bits as they come, a row at a time, and the products of whole numbers are exact;
    gates and states are of float32. By the compiled kernels where they are built, else in plain PyTorch, which is far
    slower.
    """

    def __init__(self, kernel: str, input_size: int, hidden_size: int, num_states: int, weight_names: Any) -> None:
        super().__init__()
        self.kernel, self.input_size, self.hidden_size, self.num_states = kernel, input_size, hidden_size, num_states
        self.weight_names: list[list[str]] = weight_names
        self.num_directions = len(weight_names)
        rows = {"lstm": 4, "gru": 3}.get(kernel, 1) * hidden_size
        for names in weight_names:
            for name, features in zip(names[:2], (input_size, hidden_size), strict=True):
                self.register_buffer(name, torch.zeros(rows, features, dtype=torch.int8))
                self.register_buffer(f"{name}_scale", torch.zeros(rows, dtype=torch.float32))
            for name in names[2:]:
                self.register_buffer(name, torch.zeros(rows, dtype=torch.float32))
        # What was packed, and of which tensors in which version.
        self._packed: tuple[list[tuple[int, int]], list[PackedDirection]] | None = None

    @staticmethod
    def serves(cell: nn.Module) -> bool:
        """Whether there is one in place of `cell`."""
        return isinstance(cell, Cell) and cell.kernel in KINDS

    @classmethod
    def like(cls, cell: Cell) -> Int8Cell:
        """Make one of the same shape."""
        return cls(str(cell.kernel), cell.input_size, cell.hidden_size, cell.num_states, cell.weight_names)

    def take(self, cell: Cell, name: str) -> None:
        """Round the weights of `cell`, which errors call by `name`."""
        for direction, names in enumerate(self.weight_names):
            w_x, w_h, *biases = cell.weights(direction)
            for own, weight in zip(names[:2], (w_x, w_h), strict=True):
                whole, scale = round_weights(f"{name}.{own}", weight)
                setattr(self, own, whole)
                setattr(self, f"{own}_scale", scale)
            for own, bias in zip(names[2:], biases, strict=True):
                setattr(self, own, bias.detach().float().clone())
        self._pack()

    def directions(self) -> list[Int8Direction]:
        """The parameters of each direction."""
        found = []
        for w_x, w_h, b_x, b_h in self.weight_names:
            names = (w_x, f"{w_x}_scale", w_h, f"{w_h}_scale", b_x, b_h)
            found.append(Int8Direction(*(getattr(self, name) for name in names)))
        return found

    def forward(
        self, inputs: torch.Tensor, steps: Steps, state: State | None = None, return_state: bool = False
    ) -> tuple[torch.Tensor, State]:
        """As `Cell.forward`: `inputs` (batch, time, features) of float32 and a state, each part of it (batch,
        directions, units), to (batch, time, directions * units) and the state at each sequence's own last step.

        Raises:
            ValueError: for inputs or a state of another type or shape, in training, and for inputs that want a
                gradient.
        """
        if torch.is_autocast_enabled(inputs.device.type):
            inputs = inputs.float()
        state = self._initial_state(inputs) if state is None else state
        self.refuse_training(inputs, *state)
        self._check(inputs, state)
        if inputs.shape[1] == 0:
            return inputs.new_zeros(len(inputs), 0, self.num_directions * self.hidden_size), state
        library = int8_library() if forced_path() in (None, "compiled") and not captured() else None
        if library is not None and inputs.device.type == "cpu":
            return run_int8_layer(library, self.kernel, self._pack(), inputs, steps, state)
        if forced_path() is None and not captured():
            logger.warning_once(
                "A layer of 8 bits is computed in plain PyTorch, the same numbers far more slowly: its compiled "
                "kernels are not there, or the model is not on the CPU. `python -m hf_rnn.kernels` builds them."
            )
        return read_plainly(self.kernel, self.directions(), inputs, steps, state)

    def _initial_state(self, inputs: torch.Tensor) -> State:
        return (inputs.new_zeros(len(inputs), self.num_directions, self.hidden_size),) * self.num_states

    def _check(self, inputs: torch.Tensor, state: State) -> None:
        for name, tensor in (("inputs", inputs), *(("cache", part) for part in state)):
            if tensor.dtype != torch.float32:
                raise ValueError(f"`{name}` is {tensor.dtype}; a layer of 8 bits reads torch.float32.")
        if inputs.shape[2] != self.input_size:
            raise ValueError(f"`inputs` has {inputs.shape[2]} features; the layer reads {self.input_size}.")
        shape = (len(inputs), self.num_directions, self.hidden_size)
        if [tuple(part.shape) for part in state] != [shape] * self.num_states:
            raise ValueError(
                f"`cache` holds {[tuple(part.shape) for part in state]} for a layer; this one takes "
                f"{[shape] * self.num_states}: (batch, directions, units) of h, and of c for an LSTM."
            )

    def _pack(self) -> list[PackedDirection]:
        # Once, unless other weights have been put in since: the packed ones are no part of a checkpoint.
        now = [(one.data_ptr(), 0 if one.is_inference() else one._version) for one in self.buffers()]
        if self._packed is None or self._packed[0] != now:
            packed = [
                PackedDirection.of(
                    self.kernel, (own.weight_x, own.scale_x), (own.weight_h, own.scale_h), own.bias_x, own.bias_h
                )
                for own in self.directions()
            ]
            self._packed = now, packed
        return self._packed[1]

    def weights(self, direction: int) -> NoReturn:
        """Refuse what asks for a cell's own parameters: an export, or a look inside.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "`model` has layers of 8 bits, which have no weights of floating point; it must be the model that this "
            "one was made of."
        )

    @property
    def one_step(self) -> NoReturn:
        """Refuse what follows the steps of a cell, as `weights` does."""
        self.weights(0)

    def extra_repr(self) -> str:
        """What `print(model)` shows of it."""
        sizes = f"input_size={self.input_size}, hidden_size={self.hidden_size}"
        return f"{self.kernel}, {sizes}, num_directions={self.num_directions}"
