"""The labels of the training rows that no validation row has."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .places import place_of_row


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["far_off", "say_far_off", "say_missing_labels", "of_marks"]

logger = logging.getLogger(__name__)

# How many labels a warning names.
SHOWN = 10
# A number is far off where it is so many times as far from the others as these are from each other.
FAR = 3.0
# The others are all but the most extreme of this share, of at least so many numbers.
EXTREME_SHARE = 0.01
FEWEST_NUMBERS = 8
# How many numbers a warning names.
SHOWN_NUMBERS = 3


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


def far_off(numbers: Sequence[float]) -> list[int]:
    """The positions of the numbers that are far off all others: beyond the others by more than `FAR` times the range
    that these have, without the most extreme 1 % of each end (at least one number).

    Example:
        >>> far_off([0.5, 1, 2, 2.5, 3, 3.5, 4, 5, 999])
        [8]
    """
    if len(numbers) < FEWEST_NUMBERS:
        return []
    cut = math.ceil(EXTREME_SHARE * len(numbers))
    ordered = sorted(numbers)[cut:-cut]
    low, high = ordered[0], ordered[-1]
    reach = FAR * (high - low)
    if not reach:
        # Nearly all are the same, as where one pair in many is alike.
        return []
    return [place for place, number in enumerate(numbers) if not low - reach <= number <= high + reach]


def say_far_off(rows: Dataset, column: str, numbers: Mapping[int, float], advice: str) -> None:
    """Say in one line which numbers of a column are far off all others, where they stand, and what to do.

    Args:
        rows: Those of the split that is learnt from.
        column: The name of the column.
        numbers: Row → its number.
        advice: What such a number does, and what to do, as the end of the sentence.
    """
    values = list(numbers.values())
    places = list(numbers)
    found = [places[one] for one in far_off(values)]
    if not found:
        return
    shown = ", ".join(f"{numbers[row]:g} ({place_of_row(rows, row)})" for row in found[:SHOWN_NUMBERS])
    more = f" and {len(found) - SHOWN_NUMBERS} more" if len(found) > SHOWN_NUMBERS else ""
    others = [numbers[row] for row in set(places).difference(found)]
    are = "is" if len(found) == 1 else "are"
    logger.warning(
        "Column %r: %s%s %s far off all other numbers, which go from %g to %g; %s",
        column,
        shown,
        more,
        are,
        min(others),
        max(others),
        advice,
    )


def of_marks(labels: Sequence[Sequence[float]]) -> bool:
    """Whether all that lists hold is 0 or 1: the labels that a row has, and not numbers."""
    return all(value in (0, 1) for label in labels for value in label)


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
    if labels and isinstance(labels[0], list) and of_marks(labels):
        return {f"label {index}" for label in labels for index, value in enumerate(label) if value}
    return set()
