"""The recurrent layers of a Keras model: what they must have in common, and their weights in torch's order.

Keras keeps W (features, gates * units), torch its transpose. An LSTM's gates have the same order in both, i, f, g, o;
those of a GRU are z, r, n in Keras and r, z, n in torch. Where Keras has one bias, b_h is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .keras_layer import KerasLayer, Leftovers


__all__ = ["CELLS", "Recurrence", "cell_weights"]


# Keras' class → the cell here.
CELLS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "elman"}
_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_GATE_ORDER = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "SimpleRNN": (0,)}


@dataclass(frozen=True)
class Recurrence:
    """A recurrent layer, in one or both directions.

    Attributes:
        layer: As Keras has it.
        cells: For each direction, forward first, its layer.
        merge: How the directions are joined: `"concat"` or `"sum"`.
    """

    layer: KerasLayer
    cells: tuple[KerasLayer, ...]
    merge: str

    @classmethod
    def read(cls, layer: KerasLayer, leftovers: Leftovers) -> Recurrence | None:
        """Make it of a layer; None: it is no recurrent one.

        Raises:
            ValueError: names a setting that nothing here has.
        """
        if layer.kind != "Bidirectional":
            if layer.kind not in CELLS:
                return None
            layer.must_have("go_backwards", False)
            found = cls(layer, (layer,), "concat")
        else:
            directions = []
            for part, setting in (("forward_layer", "layer"), ("backward_layer", "backward_layer")):
                inner = layer.settings.get(setting) or layer.settings["layer"]
                weights = {"cell": layer.weights.get(f"{part}/cell", ())}
                settings = {**inner["config"], "trainable": layer.trainable}
                directions.append(KerasLayer(f"{layer.name}/{part}", inner["class_name"], settings, weights))
            found = cls(layer, tuple(directions), layer.must_have("merge_mode", "concat", "sum"))
            if directions[0].settings.get("go_backwards"):
                raise directions[0].refused("go_backwards", True, "False")
        found._check(leftovers)
        return found

    def _check(self, leftovers: Leftovers) -> None:
        first = self.cells[0]
        for cell in self.cells:
            if cell.kind not in CELLS:
                raise ValueError(f"{cell} cannot be taken over; it must be one of {', '.join(CELLS)}.")
            if cell.kind == "SimpleRNN":
                cell.must_have("activation", "tanh", "relu")
            else:
                cell.must_have("activation", "tanh")
                cell.must_have("recurrent_activation", "sigmoid")
            for setting in ("return_state", "stateful"):
                cell.must_have(setting, False)
            if cell.settings.get("recurrent_dropout"):
                leftovers.add(cell, "recurrent_dropout", cell.settings["recurrent_dropout"], "0")
            if cell.kind != first.kind:
                raise ValueError(f"{cell} must be of the class of `{first.name}`, {first.kind}.")
            for name, value in self.of_cell(first).items():
                if self.of_cell(cell)[name] != value:
                    raise cell.refused(name, self.of_cell(cell)[name], f"{value!r} as that of `{first.name}`")

    @staticmethod
    def of_cell(cell: KerasLayer) -> dict[str, Any]:
        """The settings that both directions have in common."""
        return {"units": cell.settings["units"], "dropout": cell.settings.get("dropout", 0), **_equations(cell)}

    def in_common(self) -> dict[str, Any]:
        """The settings that all layers of a stack have in common, by the names of Keras."""
        both = len(self.cells) == 2
        return {
            "class": self.cells[0].kind,
            "Bidirectional": both,
            "merge_mode": self.merge,
            **_equations(self.cells[0]),
        }

    @property
    def units(self) -> int:
        return int(self.cells[0].settings["units"])

    @property
    def dropout(self) -> float:
        """The layer's own dropout of what it reads."""
        return float(self.cells[0].settings.get("dropout") or 0)

    @property
    def returns_sequences(self) -> bool:
        return bool(self.cells[0].settings.get("return_sequences"))


def _equations(cell: KerasLayer) -> dict[str, Any]:
    found: dict[str, Any] = {"activation": cell.activation()}
    if cell.kind == "GRU":
        found["reset_after"] = bool(cell.settings.get("reset_after", True))
    return found


def cell_weights(cell: KerasLayer) -> dict[str, np.ndarray]:
    """The weights of one direction as torch names and orders them: `weight_ih` (gates * units, features), `weight_hh`
    (gates * units, units), `bias_ih` and `bias_hh` (gates * units).

    Raises:
        ValueError: the file has other weights than such a layer.
    """
    use_bias = bool(cell.settings.get("use_bias", True))
    kernel, recurrent, *biases = cell.arrays("cell", 3 if use_bias else 2)
    units, gates = int(cell.settings["units"]), _GATES[cell.kind]
    twice = cell.kind == "GRU" and bool(cell.settings.get("reset_after", True))
    zeros = np.zeros(gates * units, dtype=kernel.dtype)
    bias: np.ndarray = biases[0] if biases else zeros
    shapes: list[tuple[str, np.ndarray, tuple[int, ...]]] = [
        ("kernel", kernel, (kernel.shape[0], gates * units)),
        ("recurrent_kernel", recurrent, (units, gates * units)),
        ("bias", bias, (2, gates * units) if twice and biases else (gates * units,)),
    ]
    for name, array, shape in shapes:
        if array.shape != shape:
            raise ValueError(f"{cell}: `{name}` has shape {array.shape} in the file; it must be {shape}.")
    order = _GATE_ORDER[cell.kind]
    rows = (bias[0], bias[1]) if bias.ndim == 2 else (bias, zeros)
    return {
        "weight_ih": _by_gates(kernel.T, order),
        "weight_hh": _by_gates(recurrent.T, order),
        "bias_ih": _by_gates(rows[0], order),
        "bias_hh": _by_gates(rows[1], order),
    }


def _by_gates(array: np.ndarray, order: Sequence[int]) -> np.ndarray:
    blocks = np.split(array, len(order))
    return np.concatenate([blocks[gate] for gate in order])
