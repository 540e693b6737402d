"""What stands before and between the recurrent layers of a Keras model, as values of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .keras_layer import KerasLayer, Leftovers
from .keras_recurrent import Recurrence


__all__ = ["Front"]


@dataclass(frozen=True)
class _Drop:
    """A dropout of steps: its rate, the layer that has it, and whether all steps share a mask."""

    rate: float
    layer: KerasLayer
    setting: str
    locked: bool


@dataclass
class Front:
    """What the recurrent layers read.

    Attributes:
        features: Features of a step.
        embedding: The `Embedding`, if there is one.
        masking: The `Masking`, if there is one.
        first, between: The dropout of what the first layer reads, and each of the others.
    """

    features: int
    embedding: KerasLayer | None = None
    masking: KerasLayer | None = None
    first: _Drop | None = None
    between: list[_Drop | None] = field(default_factory=list)

    @classmethod
    def read(cls, layers: Sequence[KerasLayer], recurrence: Recurrence, leftovers: Leftovers) -> Front:
        """Args:
            layers: Those before the first recurrent one.
            recurrence: The first recurrent layer.

        Raises:
            ValueError: names a layer, or its setting, that nothing here has.
        """
        kernels = recurrence.cells[0].weights.get("cell") or ()
        front = cls(kernels[0].shape[0] if kernels else 0)
        rest = list(layers)
        if rest and rest[0].kind == "Embedding":
            front.embedding = rest.pop(0)
        elif rest and rest[0].kind == "Masking":
            front.masking = rest.pop(0)
        front.first = _dropout(rest, recurrence, leftovers, "an Embedding or a Masking at the start, and dropout")
        return front

    def read_between(self, layers: Sequence[KerasLayer], recurrence: Recurrence, leftovers: Leftovers) -> None:
        """Read what stands between two recurrent layers, the second of which is given.

        Raises:
            ValueError: names a layer that is no dropout.
        """
        self.between.append(_dropout(layers, recurrence, leftovers, "dropout"))

    @property
    def masks(self) -> KerasLayer | None:
        """The layer that says which steps are padding; None: all are read."""
        if self.masking is not None:
            return self.masking
        return self.embedding if self.embedding is not None and self.embedding.settings.get("mask_zero") else None

    def settings(self, leftovers: Leftovers) -> dict[str, Any]:
        """The values of a configuration."""
        found: dict[str, Any] = {"vocab_size": None, "embedding_size": self.features, "pad_token_id": None}
        if self.embedding is not None:
            sizes = (self.embedding.settings["input_dim"], self.embedding.settings["output_dim"])
            found["vocab_size"], found["embedding_size"] = map(int, sizes)
            found["pad_token_id"] = 0 if self.embedding.settings.get("mask_zero") else None
        drops = [drop for drop in (self.first, *self.between) if drop is not None]
        locked = drops[0].locked if drops else True
        for drop in drops:
            if drop.locked != locked:
                leftovers.add(drop.layer, drop.setting, drop.rate, "0, or draw its masks as the others before it do")
        rate = next((drop.rate for drop in self.between if drop is not None), 0.0)
        for own in self.between:
            if (0.0 if own is None else own.rate) != rate:
                named = own or next(other for other in self.between if other is not None)
                leftovers.add(named.layer, named.setting, named.rate, "the same between all recurrent layers")
        found["embedding_dropout"] = 0.0 if self.first is None else self.first.rate
        found["dropout"], found["locked_dropout"] = rate, locked
        return found


def _dropout(layers: Sequence[KerasLayer], recurrence: Recurrence, leftovers: Leftovers, may_be: str) -> _Drop | None:
    found = []
    for layer in layers:
        if layer.kind not in ("Dropout", "SpatialDropout1D"):
            raise ValueError(
                f"{layer} cannot be taken over before `{recurrence.layer.name}`; there must be nothing but {may_be}."
            )
        if layer.settings.get("noise_shape") is not None:
            leftovers.add(layer, "noise_shape", layer.settings["noise_shape"], "None")
        if layer.settings["rate"]:
            locked = layer.kind == "SpatialDropout1D"
            found.append(_Drop(float(layer.settings["rate"]), layer, "rate", locked))
    if recurrence.dropout:
        found.append(_Drop(recurrence.dropout, recurrence.layer, "dropout", locked=True))
    for drop in found[1:]:
        leftovers.add(drop.layer, drop.setting, drop.rate, f"0 behind the dropout of `{found[0].layer.name}`")
    return found[0] if found else None
