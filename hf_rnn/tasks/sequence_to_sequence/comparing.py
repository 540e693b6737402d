"""The sources and targets that models which write are compared and evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...data.readers.sequences.reader import SequenceDataArguments, load_sequences
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows
from .measuring import figures_kind, figures_of


__all__ = ["TEST_DATA", "SequenceTestArguments", "read_targets"]


@dataclass
class SequenceTestArguments(TestSplitOnly, SequenceDataArguments):
    """The sources and targets that are measured: the test split."""


def read_targets(
    arguments: SequenceTestArguments, label2id: dict[str, int] | None = None, lowercase: bool = False
) -> TestSet:
    """The test split that `arguments` name.

    Args:
        label2id: None: the models have no labels.
        lowercase: Whether the figures ignore case.
    """
    data = load_sequences(arguments)
    rows = test_rows(data.splits)
    sources, targets = rows["text"][:], rows["text_b"][:]
    figures = partial(_figures, figures_kind(data.columns), lowercase)
    return TestSet("sequence-to-sequence", sources, sources, targets, None, "text", figures)


def _figures(
    kind: str, lowercase: bool, test: TestSet, predictions: Sequence[Any], threshold: float | None
) -> dict[str, float]:
    return figures_of(predictions, test.references, kind, lowercase)


TEST_DATA = TestData(SequenceTestArguments, read_targets)
