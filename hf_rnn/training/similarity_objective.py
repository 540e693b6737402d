"""What a siamese network is trained to: one loss by name, or the weighted sum of several."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from ..data.sources import comma_separated
from ..models.similarity import SIMILARITIES
from .arguments import json_object
from .batch_losses import HardNegativeBatchLoss, MultipleNegativesRankingLoss
from .pair_losses import ContrastiveLoss, CoSENTLoss, CosineMseLoss, MaLstmLoss, PairClassificationLoss
from .similarity_metrics import THRESHOLD_METRICS
from .triplet_losses import BatchHardTripletLoss, BatchSemiHardTripletLoss


@dataclass(frozen=True)
class NamedLoss:
    """
    A loss that can be asked for by name.

    Attributes:
        build: Its class.
        takes: `"pairs"`: the vectors of all pairs and their labels or scores; `"duplicates"`: the two sides of the
            pairs that are alike; `"groups"`: these in one batch, with the number of their pair; `"logits"`: what a
            classifier says of all pairs.
        similarity: What it makes the vectors comparable by.
        of_scores: Whether it can learn from graded scores.
    """

    build: Callable[..., nn.Module]
    takes: Literal["pairs", "duplicates", "groups", "logits"]
    similarity: str
    of_scores: bool = False


LOSSES = {
    "contrastive": NamedLoss(ContrastiveLoss, "pairs", "euclidean"),
    "cosine_mse": NamedLoss(CosineMseLoss, "pairs", "cosine", of_scores=True),
    "cosent": NamedLoss(CoSENTLoss, "pairs", "cosine", of_scores=True),
    "malstm": NamedLoss(MaLstmLoss, "pairs", "manhattan", of_scores=True),
    "multiple_negatives": NamedLoss(MultipleNegativesRankingLoss, "duplicates", "cosine"),
    "hard_negative_batch": NamedLoss(HardNegativeBatchLoss, "duplicates", "cosine"),
    "classification": NamedLoss(PairClassificationLoss, "logits", "cosine"),
    "batch_hard_triplet": NamedLoss(BatchHardTripletLoss, "groups", "euclidean"),
    "batch_semi_hard_triplet": NamedLoss(BatchSemiHardTripletLoss, "groups", "euclidean"),
}


@dataclass
class SimilarityArguments:
    """How a siamese network compares, what it learns from, and how it says that two texts are alike."""

    loss: str = field(
        default="cosent",
        metadata={
            "help": f"What is trained to; several, separated by commas, are summed: {', '.join(LOSSES)}. With "
            "classification the model is a SiameseForPairClassification."
        },
    )
    loss_options: str | None = field(
        default=None,
        metadata={
            "help": "Options of the losses, and their `weight` in the sum, as JSON, such as "
            '\'{"multiple_negatives": {"scale": 20, "symmetric": true, "weight": 0.5}}\'.'
        },
    )
    similarity: str | None = field(
        default=None, metadata={"help": f"{', '.join(SIMILARITIES)}. Default: that of the (first) loss."}
    )
    siamese_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Values for the configuration around the encoder (SiameseConfig) as JSON, such as "
            '\'{"projection_size": 128, "classifier_dropout": 0.2}\'.'
        },
    )
    threshold_metric: str = field(
        default="accuracy",
        metadata={
            "help": f"By which the threshold is chosen on validation: {', '.join(THRESHOLD_METRICS)}. Where labels "
            "are not as frequent as they will be in use, balanced_accuracy."
        },
    )

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in LOSSES:
                raise ValueError(f"`loss`={self.loss!r} must be of {', '.join(LOSSES)}.")
        if self.similarity is not None and self.similarity not in SIMILARITIES:
            raise ValueError(f"`similarity`={self.similarity!r} must be one of {', '.join(SIMILARITIES)}.")
        if self.threshold_metric not in THRESHOLD_METRICS:
            raise ValueError(f"`threshold_metric`={self.threshold_metric!r} must be one of {THRESHOLD_METRICS}.")
        self.options()
        self.overrides()

    @property
    def classifies(self) -> bool:
        """Whether a classifier of pairs is trained."""
        return "classification" in self.names

    @property
    def names(self) -> list[str]:
        """The losses that are summed."""
        return comma_separated(self.loss, "loss") or []

    def options(self) -> dict[str, dict[str, Any]]:
        """`loss_options` as a dictionary.

        Raises:
            ValueError: it is not JSON, or gives options to a loss that is not asked for.
        """
        values = json_object(self.loss_options, "loss_options")
        if not all(isinstance(options, dict) for options in values.values()):
            raise ValueError(
                f"`loss_options`={self.loss_options!r} must be a JSON object of losses and their options."
            )
        unknown = values.keys() - set(self.names)
        if unknown:
            raise ValueError(f"`loss_options` are given for {min(unknown)!r}, but `loss` is {self.loss!r}.")
        return values

    def overrides(self) -> dict[str, Any]:
        """
        `siamese_overrides` as a dictionary.

        Raises:
            ValueError: it is not JSON, or gives what has an argument of its own.
        """
        values = json_object(self.siamese_overrides, "siamese_overrides")
        for name, other in (("encoder", "config_overrides"), ("similarity", "similarity")):
            if name in values:
                raise ValueError(f"`siamese_overrides` give `{name}`; give `{other}`.")
        return values


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


def build_objective(arguments: SimilarityArguments, kind: str) -> SimilarityObjective:
    """
    The objective that `arguments` name, for data of `kind` `"labels"` or `"scores"`.

    Raises:
        ValueError: a loss that cannot learn from scores; or as [`SimilarityObjective`].
    """
    for name in arguments.names:
        if kind == "scores" and not LOSSES[name].of_scores:
            able = ", ".join(other for other, loss in LOSSES.items() if loss.of_scores)
            raise ValueError(f"`loss`={name!r} needs labels, 0 and 1, and the data have scores; it may be of {able}.")
    return SimilarityObjective(arguments.names, arguments.options())


def _weight(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"`loss_options` give {name} the `weight` {value!r}; it must be a finite number above 0.")
    return float(value)


__all__ = ["LOSSES", "NamedLoss", "SimilarityArguments", "SimilarityObjective", "build_objective"]
