"""The labels of the training rows that no validation row has."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["say_missing_labels"]

logger = logging.getLogger(__name__)

# How many labels a warning names.
SHOWN = 10


def say_missing_labels(splits: Mapping[str, Dataset]) -> None:
    """Say in one line which labels the training rows have and no validation row: no figure tells how well these are
    recognised, and nothing selects a model that recognises them. Of tags of entities, B- and I- are one label.
    """
    if "train" not in splits or "validation" not in splits:
        return
    training, validation = (_labels(splits[name]) for name in ("train", "validation"))
    missing = sorted(training - validation)
    if not missing:
        return
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    logger.warning(
        "No validation row has %d of the %d labels: %s%s. The figures do not tell how well these are recognised; more "
        "validation rows would (--hold_out_percentage, --validation_file).",
        len(missing),
        len(training),
        ", ".join(map(repr, missing[:SHOWN])),
        more,
    )


def _labels(rows: Dataset) -> set[str]:
    """The labels that occur: names of classes or of types of entities, or numbers of labels where a row has several;
    empty where the rows have none that could be missing.
    """
    from datasets import ClassLabel

    if "tags" in rows.column_names:
        names = rows.features["tags"].feature.names
        found = {index for tags in rows["tags"][:] for index in tags}
        return {names[index].removeprefix("B-").removeprefix("I-") for index in found}
    if "label" not in rows.column_names:
        return set()
    feature: Any = rows.features["label"]
    labels = rows["label"][:]
    if isinstance(feature, ClassLabel):
        return {feature.names[label] for label in set(labels) if label is not None}
    if labels and isinstance(labels[0], list):
        return {f"label {index}" for label in labels for index, value in enumerate(label) if value}
    return set()
