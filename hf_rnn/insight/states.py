"""Gates, cell state and hidden state of every layer while a text is read (as Karpathy et al. 2015 draw them,
https://arxiv.org/abs/1506.02078)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.cell import Cell
from ..models.paths import recurrent_path
from ..models.recurrent import RecurrentLayer
from ..models.steps import State
from .evaluation import evaluation_mode
from .figures import name_steps, new_figure, width_for
from .steps import as_array, backbone_of, layers_of, read_text


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["GateActivations", "LayerStates", "gate_activations"]


DIRECTIONS = ("forward", "backward")
# What lies between 0 and 1; everything else has a sign.
SHARES = {"input", "forget", "output", "reset", "update"}
# The gates by which a unit keeps what it has.
KEEPING = {"forget", "update"}


@dataclass(frozen=True)
class LayerStates:
    """What one layer computes in one direction, each (time, units), position t that of step t in the text: a backward
    direction reads from the last to the first.

    Attributes:
        layer: Its number in the stack, from 0.
        direction: "forward" or "backward".
        gates: By name, activation functions applied. LSTM: input, forget, candidate, output; GRU: reset, update,
            candidate (`cells.py` has the equations); Elman: activation, that of the hidden units.
        cell: The cell state c_t of an LSTM; None for the others.
        hidden: The hidden state h_t, which is the layer's output.
    """

    layer: int
    direction: str
    gates: dict[str, np.ndarray]
    cell: np.ndarray | None
    hidden: np.ndarray

    @property
    def panels(self) -> dict[str, np.ndarray]:
        """Everything that differs from the hidden state, and that, by name."""
        found = {name: gate for name, gate in self.gates.items() if not np.array_equal(gate, self.hidden)}
        if self.cell is not None:
            found["cell state"] = self.cell
        return {**found, "hidden state": self.hidden}


@dataclass(frozen=True)
class GateActivations:
    """Attributes:
    steps: What was read at each of them: tokens, or words in a model of words.
    layers: From the first layer to the last, of each forward before backward.
    total_tokens: Of the whole text, those that were cut off by `max_tokens` included.
    """

    steps: tuple[str, ...]
    layers: tuple[LayerStates, ...]
    total_tokens: int

    def figure(self, layer: int = 0, direction: str = "forward") -> Figure:
        """Heat maps of one layer and direction, steps from left to right, units from top to bottom: those that keep
        their state most come first, by the mean of their forget gate (LSTM), update gate (GRU) or hidden state
        (Elman).

        Raises:
            ValueError: there is no such layer or direction.
        """
        for found in self.layers:
            if (found.layer, found.direction) == (layer, direction):
                return _heat_maps(found, self.steps)
        offered = ", ".join(f"{found.layer} {found.direction}" for found in self.layers)
        raise ValueError(f"`layer`={layer!r} and `direction`={direction!r} must be one of these pairs: {offered}.")


def gate_activations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None = None
) -> GateActivations:
    """What every layer computes while it reads `text`, by the cells' own equations, a step at a time.

    Args:
        model: Any model with a recurrent network in it; of a siamese one that of the encoder.
        max_tokens: The first of them are read, as if the text ended there; None: all. Memory grows with their number
            times that of all units.

    Raises:
        NotApplicableError: the model has no recurrence.
        ValueError: `text` is no string or has no token, or `max_tokens` is below 1.
    """
    backbone = backbone_of(model)
    layers = layers_of(backbone)
    read = read_text(model, tokenizer, text, max_tokens)
    with torch.no_grad(), evaluation_mode(model), recurrent_path("reference"), _recorded(layers) as records:
        backbone(**read.inputs)
    found = [
        _states(number, direction, layer.cell, record)
        for number, layer in enumerate(layers)
        for direction, record in zip(DIRECTIONS, records[number], strict=False)
    ]
    return GateActivations(read.steps, tuple(found), read.total_tokens)


# The gates and then the state of every step of one direction, each (1, units), in the order of reading.
Record = list[tuple[torch.Tensor, ...]]


@contextmanager
def _recorded(layers: Sequence[RecurrentLayer]) -> Iterator[list[list[Record]]]:
    records: list[list[Record]] = [[[] for _ in range(layer.num_directions)] for layer in layers]
    with ExitStack() as hooks:
        for layer, record in zip(layers, records, strict=True):

            def keep(_: Any, arguments: tuple[Any, ...], state: State, record: list[Record] = record) -> None:
                cell, direction, *of_step = arguments
                record[direction].append((*cell.gates(*of_step), *state))

            hooks.callback(layer.cell.one_step.register_forward_hook(keep).remove)
        yield records


def _states(number: int, direction: str, cell: Cell, record: Record) -> LayerStates:
    in_order = record if direction == "forward" else record[::-1]
    arrays = [as_array(torch.cat(parts)) for parts in zip(*in_order, strict=True)]
    gates = dict(zip(cell.gate_names, arrays, strict=False))
    hidden, *others = arrays[len(gates) :]
    return LayerStates(number, direction, gates, others[0] if others else None, hidden)


def _heat_maps(states: LayerStates, steps: Sequence[str]) -> Figure:
    panels = states.panels
    figure = new_figure(width_for(steps), 0.9 + 1.3 * len(panels))
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    by = next((gate for name, gate in states.gates.items() if name in KEEPING), states.hidden)
    order = np.argsort(-by.mean(axis=0), kind="stable")
    for axes, (name, values) in zip(rows, panels.items(), strict=True):
        is_share = name in SHARES
        # Symmetric, so that white is zero; the few largest values would leave nothing else to be seen.
        bound = max(1.0, float(np.quantile(np.abs(values), 0.99)))
        image = axes.imshow(
            values.T[order],
            aspect="auto",
            interpolation="nearest",
            cmap="viridis" if is_share else "RdBu_r",
            vmin=0 if is_share else -bound,
            vmax=1 if is_share else bound,
        )
        axes.set_ylabel(f"{name} gate" if is_share else name, fontsize=8)
        axes.set_yticks([])
        figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03).ax.tick_params(labelsize=7)
    name_steps(rows[-1], steps)
    figure.suptitle(f"layer {states.layer + 1}, {states.direction}, {len(order)} units", fontsize=10)
    return figure
