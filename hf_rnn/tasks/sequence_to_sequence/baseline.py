"""Measures the target of the nearest training source on the splits of a model that writes."""

from __future__ import annotations

from collections.abc import Collection

from ...data.readers.sequences.reader import SequenceData
from ...extras import require_extra
from ..beside import Baseline
from .measuring import figures_of


__all__ = ["fit_nearest"]


def fit_nearest(data: SequenceData, kind: str, lowercase: bool, splits: Collection[str]) -> Baseline:
    """Write the target of the nearest training source for each source of `splits`, and measure it.

    Args:
        kind: A key of `METRIC_SETS`.
        lowercase: Whether the figures ignore case.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: the training sources hold no word.
    """
    require_extra("train", "The baseline of targets", "scikit-learn")
    from ...baselines.nearest import MOST_SOURCES, nearest_rows

    training = data.splits["train"]
    sources, targets = training["text"][:], training["text_b"][:]
    figures = {}
    for split in splits:
        rows = data.splits[split]
        written = [targets[row] for row in nearest_rows(sources, rows["text"][:])]
        figures[split] = figures_of(written, rows["text_b"][:], kind, lowercase)
    options = {"train_rows": MOST_SOURCES} if len(sources) > MOST_SOURCES else {}
    return Baseline("target of the nearest source", figures, options)
