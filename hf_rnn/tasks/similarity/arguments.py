"""What a siamese network is trained to, as arguments."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from typing import Any

from ...data.readers.sources import comma_separated
from ...losses.objective import LOSSES, SimilarityObjective
from ...metrics.similarity import THRESHOLD_METRICS
from ...models.similarity import SIMILARITIES
from ..arguments import json_object


__all__ = ["DEFAULT_LOSS", "SimilarityArguments", "build_objective"]


logger = logging.getLogger(__name__)

DEFAULT_LOSS = "cosent"
# The kinds of pairs that the usual loss cannot learn from.
DEFAULT_LOSSES = {"classes": "classification", "positives": "multiple_negatives"}
# What pairs that are read together are trained with: the loss of the answer, and beside it that of the similarity,
# with this weight, so that vectors of single texts can be searched.
DEFAULT_TOGETHER = {"labels": ("classification", 0.1), "scores": ("regression", 0.05)}
# The losses of a classifier of pairs.
_OF_LOGITS = ("classification", "regression")
_SAID = {"classes": "classes", "positives": "no negatives but those of a batch"}


@dataclass
class SimilarityArguments:
    """The loss of a siamese network, its similarity, and the threshold above which two texts are alike."""

    loss: str | None = field(
        default=None,
        metadata={
            "help": f"Loss to train with, or several, separated by commas, to add up: {', '.join(LOSSES)}. With "
            "classification or regression the model is a SiameseForPairClassification. Default: cosent; "
            "multiple_negatives for pairs that are all alike; classification for classes; with `read_together` "
            "regression for scores and classification for labels, both with a little cosent."
        },
    )
    loss_options: str | None = field(
        default=None,
        metadata={
            "help": "Options of the losses, and their `weight` in the sum, as JSON, such as "
            '\'{"multiple_negatives": {"scale": 20, "symmetric": true, "weight": 0.5}}\'. Default: those of each loss.'
        },
    )
    read_together: bool | None = field(
        default=None,
        metadata={
            "help": "Read the two texts of a pair together: align their steps and count what they share, to predict a "
            "label or a score. The vectors of single texts, for a search, may be worse. Default: true for new models "
            "on labels 0 and 1 or scores, unless a loss, its options or a similarity is given; else false."
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
            "Choose balanced_accuracy if the labels will have other frequencies in use than on validation."
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
        if self.read_together and self.loss is not None and not self.classifies:
            raise ValueError(
                f"`loss`={self.loss!r} was given with `read_together`, for which it must have classification or "
                "regression in it: leave --loss out, or --read_together."
            )
        self.options()
        self.overrides()

    @property
    def classifies(self) -> bool:
        """Tell whether a classifier of pairs is trained, which may be one of scores."""
        return "classification" in self.names or self.regresses

    @property
    def regresses(self) -> bool:
        """Tell whether it has a number for each pair, and no labels."""
        return "regression" in self.names

    def settled(self, kind: str, new: bool = False) -> SimilarityArguments:
        """These arguments with `read_together`, and the loss of data of `kind`, where none was given; one line says
        which, if it is not the usual one.

        Args:
            new: Whether the model is, but for its encoder; or reads pairs together already.

        Raises:
            ValueError: pairs that are all alike are to be read together.
        """
        if self.read_together is None:
            free = self.loss is self.loss_options is self.similarity is None
            together = new and free and kind in DEFAULT_TOGETHER
            if together:
                logger.warning(
                    "The two texts of a pair are read together, which answers best for pairs; for vectors to search "
                    "with: --read_together false."
                )
            return replace(self, read_together=together).settled(kind)
        if self.loss is not None:
            return self
        if self.read_together:
            return self._together(kind)
        loss = DEFAULT_LOSSES.get(kind, DEFAULT_LOSS)
        if loss != DEFAULT_LOSS:
            logger.warning("The loss is %s, because the pairs have %s (--loss names another).", loss, _SAID[kind])
        return replace(self, loss=loss)

    def _together(self, kind: str) -> SimilarityArguments:
        if kind == "positives":
            raise ValueError(
                "`read_together` is True, and the data have no pairs that are not alike, from which it could "
                "learn a label: leave it out, or give pairs with labels 1 and 0."
            )
        if kind not in DEFAULT_TOGETHER:
            return replace(self, loss="classification")
        loss, weight = DEFAULT_TOGETHER[kind]
        options = self.options()
        options[DEFAULT_LOSS] = {"weight": weight, **options.get(DEFAULT_LOSS, {})}
        return replace(self, loss=f"{loss},{DEFAULT_LOSS}", loss_options=json.dumps(options))

    @property
    def compares_by(self) -> str:
        """The similarity of the network: the one that is given, or that of the first loss, which for triplets is their
        `distance`.
        """
        loss = (self.names or [DEFAULT_LOSS])[0]
        distance = self.options().get(loss, {}).get("distance")
        return self.similarity or (distance if distance in SIMILARITIES else None) or LOSSES[loss].similarity

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
        unknown = values.keys() - set(self.names or [DEFAULT_LOSS, *DEFAULT_LOSSES.values(), *_OF_LOGITS])
        if unknown:
            loss = self.loss or DEFAULT_LOSS
            raise ValueError(f"`loss_options` are given for {min(unknown)!r}, but `loss` is {loss!r}.")
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


def build_objective(arguments: SimilarityArguments, kind: str, triplets: bool = False) -> SimilarityObjective:
    """The objective that `arguments` name, for data of `kind` `"labels"`, `"scores"`, `"classes"` or `"positives"`.

    Args:
        triplets: Whether the rows are triplets, which are of the kind `"labels"` as pairs.

    Raises:
        ValueError: a loss that cannot learn from such data; or as [`SimilarityObjective`].
    """
    if "triplet" in arguments.names:
        _check_triplets(arguments, triplets)
        return SimilarityObjective(arguments.names, arguments.options())
    has = {"scores": "scores", "classes": "classes", "positives": "no pairs that are not alike", "labels": "no scores"}
    able = [name for name in LOSSES if _can_learn(name, kind) and LOSSES[name].takes != "triplets"]
    for name in arguments.names:
        if name not in able:
            needs = "scores" if kind == "labels" else "labels, 0 and 1"
            raise ValueError(
                f"`loss`={name!r} needs {needs}, and the data have {has[kind]}; it may be of {', '.join(able)}."
            )
    return SimilarityObjective(arguments.names, arguments.options())


def _check_triplets(arguments: SimilarityArguments, triplets: bool) -> None:
    """Raise a ValueError where triplets are to be learnt from and there are none, or by a loss of other rows."""
    if not triplets:
        raise ValueError(
            f"`loss`={arguments.loss!r} needs triplets, and the training data have none: give three columns of texts, "
            "such as anchor, positive and negative (--text_column_names names others), or a loss that finds negatives "
            "in the batch, such as batch_hard_triplet."
        )
    able = [name for name, loss in LOSSES.items() if loss.takes in ("triplets", "duplicates", "groups")]
    for name in arguments.names:
        if name not in able:
            raise ValueError(
                f"`loss`={arguments.loss!r} has triplet and {name!r}, which needs pairs; beside triplet it may have "
                f"{', '.join(able)}."
            )


def _can_learn(name: str, kind: str) -> bool:
    """Tell whether a loss can learn from data of a kind."""
    if kind == "scores":
        return LOSSES[name].of_scores
    if name == "regression":
        return False
    return kind == "labels" or LOSSES[name].takes in (("logits",) if kind == "classes" else ("duplicates", "groups"))
