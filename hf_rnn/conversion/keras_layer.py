"""A layer of a Keras model, as its file has it, and how what cannot be taken over is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


__all__ = ["KerasLayer", "Leftovers"]


@dataclass(frozen=True)
class KerasLayer:
    """A layer with its settings and weights.

    Attributes:
        name: As the model calls it.
        kind: Its class, such as `LSTM`.
        settings: What its constructor was given.
        weights: Part of the layer (such as `cell`, `forward_layer/cell`; `""` is the layer itself) → its weights, in
            the order of Keras.
        each_step: Whether it was inside a `TimeDistributed`.
    """

    name: str
    kind: str
    settings: Mapping[str, Any]
    weights: Mapping[str, Sequence[np.ndarray]]
    each_step: bool = False

    def __str__(self) -> str:
        return f"Layer `{self.name}` ({self.kind})"

    @property
    def trainable(self) -> bool:
        return bool(self.settings.get("trainable", True))

    def activation(self, setting: str = "activation") -> str:
        """The name of an activation."""
        value = self.settings.get(setting) or "linear"
        if isinstance(value, Mapping):
            value = value.get("config") if isinstance(value.get("config"), str) else value.get("class_name")
        return str(value)

    def must_have(self, setting: str, *allowed: Any) -> Any:
        """The value of a setting; a name for an activation.

        Raises:
            ValueError: it is none of `allowed`; the first of them is what a layer has that says nothing.
        """
        value = self.activation(setting) if setting.endswith("activation") else self.settings.get(setting, allowed[0])
        if value not in allowed:
            raise self.refused(setting, value, " or ".join(map(repr, allowed)))
        return value

    def refused(self, setting: str, value: Any, must: str) -> ValueError:
        """The error for a setting that nothing here has."""
        return ValueError(f"{self} has `{setting}`={value!r}, which cannot be taken over; it must be {must}.")

    def arrays(self, part: str, count: int) -> Sequence[np.ndarray]:
        """The weights of a part.

        Raises:
            ValueError: they are not as many as `count`.
        """
        found = self.weights.get(part, ())
        if len(found) != count:
            where = f"`{part}` of the layer" if part else "it"
            raise ValueError(f"{self}: {where} has {len(found)} weights in the file; it must have {count}.")
        return found

    def inside(self) -> KerasLayer:
        """The layer that a `TimeDistributed` applies to each step."""
        inner = self.settings["layer"]
        weights = {
            part.removeprefix("layer").removeprefix("/"): found
            for part, found in self.weights.items()
            if part.partition("/")[0] == "layer"
        }
        settings = {**inner["config"], "trainable": self.trainable and inner["config"].get("trainable", True)}
        return replace(self, kind=inner["class_name"], settings=settings, weights=weights, each_step=True)


@dataclass
class Leftovers:
    """What only training uses and nothing here has: an error, or left out where that was asked for.

    Attributes:
        allowed: Whether it may be left out.
        found: What was.
    """

    allowed: bool
    found: list[str]

    def add(self, layer: KerasLayer, setting: str, value: Any, must: str) -> None:
        """Raises:
        ValueError: what is named may not be left out.
        """
        if not self.allowed:
            error = layer.refused(setting, value, must)
            raise ValueError(f"{error} Only training uses it: `inference_only=True` takes over the model without it.")
        self.found.append(f"`{setting}`={value!r} of `{layer.name}`")

    def fold(self, norm: KerasLayer) -> None:
        """Raises:
        ValueError: a batch normalisation may not become a part of the layer behind it.
        """
        if not self.allowed:
            raise ValueError(
                f"{norm} stands where no classifier here has one; it must stand behind each Dense layer but the last, "
                "or behind none. `inference_only=True` makes it part of the Dense layer behind it, which computes the "
                "same in evaluation."
            )
        self.found.append(f"`{norm.name}` (made part of the layer behind it)")
