"""What a siamese network is trained to, as arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...data.readers.sources import comma_separated
from ...losses.objective import LOSSES, SimilarityObjective
from ...metrics.similarity import THRESHOLD_METRICS
from ...models.similarity import SIMILARITIES
from ..arguments import json_object


__all__ = ["SimilarityArguments", "build_objective"]


@dataclass
class SimilarityArguments:
    """The loss of a siamese network, its similarity, and the threshold above which two texts are alike."""

    loss: str = field(
        default="cosent",
        metadata={
            "help": f"Loss to train with, or several, separated by commas, to add up: {', '.join(LOSSES)}. "
            "With classification the model is a SiameseForPairClassification."
        },
    )
    loss_options: str | None = field(
        default=None,
        metadata={
            "help": "Options of the losses, and their `weight` in the sum, as JSON, such as "
            '\'{"multiple_negatives": {"scale": 20, "symmetric": true, "weight": 0.5}}\'. Default: those of each loss.'
        },
    )
    similarity: str | None = field(
        default=None,
        metadata={
            "help": f"Measure of how alike two vectors are: {', '.join(SIMILARITIES)}. Default: that of the "
            "(first) loss."
        },
    )
    siamese_overrides: str | None = field(
        default=None,
        metadata={
            "help": "Set these values of the configuration around the encoder (SiameseConfig), given as "
            'JSON, such as \'{"projection_size": 128, "classifier_dropout": 0.2}\'. Default: those of '
            "SiameseConfig."
        },
    )
    threshold_metric: str = field(
        default="accuracy",
        metadata={
            "help": f"Metric by which the threshold is chosen on validation: {', '.join(THRESHOLD_METRICS)}. "
            "Choose balanced_accuracy where labels are not as frequent there as they will be in use."
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
        """`siamese_overrides` as a dictionary.

        Raises:
            ValueError: it is not JSON, or gives what has an argument of its own.
        """
        values = json_object(self.siamese_overrides, "siamese_overrides")
        for name, other in (("encoder", "config_overrides"), ("similarity", "similarity")):
            if name in values:
                raise ValueError(f"`siamese_overrides` give `{name}`; give `{other}`.")
        return values


def build_objective(arguments: SimilarityArguments, kind: str) -> SimilarityObjective:
    """The objective that `arguments` name, for data of `kind` `"labels"` or `"scores"`.

    Raises:
        ValueError: a loss that cannot learn from scores; or as [`SimilarityObjective`].
    """
    for name in arguments.names:
        if kind == "scores" and not LOSSES[name].of_scores:
            able = ", ".join(other for other, loss in LOSSES.items() if loss.of_scores)
            raise ValueError(f"`loss`={name!r} needs labels, 0 and 1, and the data have scores; it may be of {able}.")
    return SimilarityObjective(arguments.names, arguments.options())
