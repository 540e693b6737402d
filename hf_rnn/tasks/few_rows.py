"""Says what the figures of a small validation split are worth."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..metrics.uncertainty import wilson_interval


__all__ = ["say_few_rows"]


logger = logging.getLogger(__name__)

# With fewer validation rows than this, the interval of an accuracy is some 20 points wide or wider.
FEW = 100


def say_few_rows(rows: Mapping[str, int], metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Warn in one line where the figures come from fewer than 100 validation rows, with the 95 % interval of the
    accuracy; of a task without one, with that of a share of a half. Squared errors are no shares, and have none.

    Args:
        rows: Split → its number of rows.
        metrics: Split → metric → figure.
    """
    count = rows.get("validation", 0)
    if "validation" not in metrics or not 0 < count < FEW:
        return
    if "mse" in metrics["validation"]:
        logger.warning(
            "The figures of validation come from %d rows, which is few: a small difference between models says "
            "nothing; more rows would tell more.",
            count,
        )
        return
    accuracy = metrics["validation"].get("accuracy")
    what = "any share of a half" if accuracy is None else f"the accuracy of {accuracy:.3f}"
    low, high = wilson_interval(0.5 if accuracy is None else accuracy, count)
    logger.warning(
        "The figures of validation come from %d rows, which is few: the 95 %% interval of %s is %.2f to %.2f. Models "
        "whose figures differ by less cannot be told apart; more rows would tell more.",
        count,
        what,
        low,
        high,
    )
