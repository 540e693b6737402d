"""The objective of a siamese network: one loss by name, or the weighted sum of several."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from . import in_batch, pairs, triplets
from .distillation import distillation_loss
from .named import NamedLoss


__all__ = [
    "LOSSES",
    "NamedLoss",
    "SimilarityObjective",
]


LOSSES: dict[str, NamedLoss] = {**pairs.LOSSES, **in_batch.LOSSES, **triplets.LOSSES}


class SimilarityObjective(nn.Module):
    """The weighted sum of losses over the embeddings of pairs:

        Σₖ weightₖ · lossₖ(a, b, labels)

    A loss of duplicates sees the pairs with the label 1 alone; a batch without any adds 0. One of triplets sees a, b
    and the negatives c; pairs, which have none, add 0. Each loss names its paper; a weighted sum of several is
    multi-task learning (Caruana 1997, https://doi.org/10.1023/A:1007379606734).

    Args:
        names: Names in [`LOSSES`].
        options: Loss → its arguments, and its `weight` (1 by default).

    Example:
        >>> objective = SimilarityObjective(["cosent", "cosine_mse"], {"cosine_mse": {"weight": 0.5}})
        >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> objective(a, b, torch.tensor([1.0]))  # 0 + 0.5 · (0.6 − 1)²
        tensor(0.0800)

    Raises:
        ValueError: an option that the loss has not, or a value that it refuses.
    """

    def __init__(self, names: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.weights: dict[str, float] = {}
        self.takes: dict[str, str] = {}
        self.losses = nn.ModuleDict()
        for name in names:
            values = dict(options.get(name, {}))
            weight = _weight(name, values.pop("weight", 1.0))
            known = list(inspect.signature(LOSSES[name].build).parameters)
            unknown = values.keys() - set(known)
            if unknown:
                allowed = ", ".join([*known, "weight"])
                raise ValueError(f"`loss_options` of {name} hold {min(unknown)!r}; they may be of {allowed}.")
            self._add(name, LOSSES[name].build(**values), LOSSES[name].takes, weight)

    @classmethod
    def of(cls, loss: nn.Module) -> SimilarityObjective:
        """Make an objective of one loss.

        Args:
            loss: One of the classes in [`LOSSES`], or any module that is called as `loss(a, b, labels)` with the
                embeddings of each side, (batch, features), and the labels or scores, (batch), and returns the mean
                over the batch, a scalar. An objective is returned as it is.

        Raises:
            ValueError: `loss` is no module.
        """
        if isinstance(loss, SimilarityObjective):
            return loss
        if not isinstance(loss, nn.Module):
            raise ValueError(
                f"`loss` is a {type(loss).__name__}; it must be a torch.nn.Module that is called as `loss(a, b, "
                "labels)`, or one of those that hf_rnn.losses.LOSSES names, such as CoSENTLoss()."
            )
        name, takes = next(
            ((name, known.takes) for name, known in LOSSES.items() if known.build is type(loss)), ("loss", "pairs")
        )
        objective = cls([], {})
        objective._add(name, loss, takes, 1.0)
        return objective

    def _add(self, name: str, loss: nn.Module, takes: str, weight: float) -> None:
        self.losses[name], self.takes[name], self.weights[name] = loss, takes, weight

    @property
    def of_pairs(self) -> bool:
        """Whether pairs that are not alike, or scored, are learnt from."""
        return any(takes in ("pairs", "logits") for takes in self.takes.values())

    @property
    def in_batch(self) -> bool:
        """Whether the other pairs of a batch are taken for negatives."""
        return any(takes in ("duplicates", "groups") for takes in self.takes.values())

    @property
    def of_triplets(self) -> bool:
        """Whether rows of an anchor, a positive and a negative are learnt from."""
        return "triplets" in self.takes.values()

    @property
    def of_logits(self) -> bool:
        """Whether it needs what a classifier of pairs says."""
        return "logits" in self.takes.values()

    def forward(
        self,
        a: torch.Tensor,
        b: torch.Tensor,
        labels: torch.Tensor,
        logits: torch.Tensor | None = None,
        c: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Args:
            a, b: The embeddings of each side, (batch, features).
            labels: (batch): 1 or 0, or scores where every loss takes them.
            logits: (batch, labels) of a classifier.
            c: The embeddings of the negatives of triplets, (batch, features).

        Returns:
            The loss, a scalar.
        """
        # The loss has a gradient, if it be 0, in a batch that no loss has anything to say of.
        total = 0 * (a.sum() + b.sum())
        alike = labels == 1
        for name, loss in self.losses.items():
            takes = self.takes[name]
            if takes == "pairs":
                value = loss(a, b, labels)
            elif takes == "logits":
                value = loss(logits, labels)
            elif takes == "triplets":
                if c is None:
                    continue
                value = loss(a, b, c)
            elif not alike.any():
                continue
            elif takes == "duplicates":
                value = loss(a[alike], b[alike])
            else:
                numbers = torch.arange(int(alike.sum()), device=a.device)
                value = loss(torch.cat([a[alike], b[alike]]), numbers.repeat(2))
            total = total + self.weights[name] * value
        return total

    def taught(
        self,
        a: torch.Tensor,
        b: torch.Tensor,
        teacher: torch.Tensor,
        logits: torch.Tensor | None = None,
        temperature: float = 1.0,
    ) -> torch.Tensor:
        """The same sum against what a teacher says of the pairs, in place of their labels. A loss of logits becomes
        [`distillation_loss`], and one of pairs that learns from scores takes the teacher's probability of "alike", or
        its score, for theirs. Losses that need to know for certain which pairs are alike are left out; where all are,
        `CoSENTLoss` takes their place.

        Args:
            a, b: The embeddings of each side, (batch, features).
            teacher: The teacher's logits (batch, labels), or its scores (batch, 1).
            logits: (batch, labels) of a classifier.
            temperature: That of `distillation_loss`.

        Returns:
            The loss, a scalar.
        """
        scores = None
        if teacher.shape[1] <= 2:
            scores = teacher[:, 0] if teacher.shape[1] == 1 else torch.softmax(teacher, dim=1)[:, 1]
        terms = []
        for name, loss in self.losses.items():
            if self.takes[name] == "logits" and logits is not None:
                graded = teacher.shape[1] == 1
                value = loss(logits, scores) if graded else distillation_loss(logits, teacher, temperature).mean()
            elif self.takes[name] == "pairs" and scores is not None and name in LOSSES and LOSSES[name].of_scores:
                value = loss(a, b, scores)
            else:
                continue
            terms.append(self.weights[name] * value)
        if not terms and scores is not None:
            terms.append(pairs.CoSENTLoss()(a, b, scores))
        return torch.stack(terms).sum()


def _weight(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"`loss_options` give {name} the `weight` {value!r}; it must be a finite number above 0.")
    return float(value)
