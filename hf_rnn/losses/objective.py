"""What a siamese network is trained to: one loss by name, or the weighted sum of several."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from . import in_batch, pairs, triplets
from .named import NamedLoss


LOSSES: dict[str, NamedLoss] = {**pairs.LOSSES, **in_batch.LOSSES, **triplets.LOSSES}


class SimilarityObjective(nn.Module):
    """
    The weighted sum of losses over the embeddings of pairs.

    A loss of duplicates sees the pairs with the label 1 alone; a batch without any adds 0.

    Args:
        names: Of [`LOSSES`].
        options: Loss → its arguments, and its `weight` (1 by default).

    Raises:
        ValueError: an option that the loss has not, or a value that it refuses.
    """

    def __init__(self, names: list[str], options: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.weights: dict[str, float] = {}
        self.losses = nn.ModuleDict()
        for name in names:
            values = dict(options.get(name, {}))
            self.weights[name] = _weight(name, values.pop("weight", 1.0))
            known = list(inspect.signature(LOSSES[name].build).parameters)
            unknown = values.keys() - set(known)
            if unknown:
                allowed = ", ".join([*known, "weight"])
                raise ValueError(f"`loss_options` of {name} hold {min(unknown)!r}; they may be of {allowed}.")
            self.losses[name] = LOSSES[name].build(**values)

    @property
    def of_pairs(self) -> bool:
        """Whether pairs that are not alike, or scored, are learnt from."""
        return any(LOSSES[name].takes in ("pairs", "logits") for name in self.losses)

    @property
    def in_batch(self) -> bool:
        """Whether the other pairs of a batch are taken for negatives."""
        return any(LOSSES[name].takes in ("duplicates", "groups") for name in self.losses)

    def forward(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor, logits: torch.Tensor | None = None
    ) -> torch.Tensor:
        """
        Args:
            a, b: The embeddings of each side, (batch, features).
            labels: (batch): 1 or 0, or scores where every loss takes them.
            logits: (batch, labels) of a classifier.

        Returns:
            The loss, a scalar.
        """
        # With a gradient, if it be 0, in a batch that no loss has anything to say of.
        total = 0 * (a.sum() + b.sum())
        alike = labels == 1
        for name, loss in self.losses.items():
            if LOSSES[name].takes == "pairs":
                value = loss(a, b, labels)
            elif LOSSES[name].takes == "logits":
                value = loss(logits, labels)
            elif not alike.any():
                continue
            elif LOSSES[name].takes == "duplicates":
                value = loss(a[alike], b[alike])
            else:
                numbers = torch.arange(int(alike.sum()), device=a.device)
                value = loss(torch.cat([a[alike], b[alike]]), numbers.repeat(2))
            total = total + self.weights[name] * value
        return total


def _weight(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"`loss_options` give {name} the `weight` {value!r}; it must be a finite number above 0.")
    return float(value)


__all__ = [
    "LOSSES",
    "NamedLoss",
    "SimilarityObjective",
]
