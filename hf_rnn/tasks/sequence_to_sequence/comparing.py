"""The sources and targets that models which write are compared and evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...data.readers.sequences.reader import SequenceDataArguments, load_sequences
from ...metrics.sequences import METRIC_SETS
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows
from .measuring import figures_kind, figures_of


__all__ = ["TEST_DATA", "SequenceTestArguments", "read_targets"]


@dataclass
class SequenceTestArguments(TestSplitOnly, SequenceDataArguments):
    """The sources and targets that are measured, the test split, and the figures of them."""

    figures: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of figures to measure of what is written: {', '.join(METRIC_SETS)}. Default: by the names "
            "of the columns, as in training."
        },
    )
    lowercase_figures: bool = field(
        default=False, metadata={"help": "Ignore case in the figures of what is written. Default: off."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.figures not in (None, *METRIC_SETS):
            raise ValueError(f"`figures`={self.figures!r} must be one of {', '.join(METRIC_SETS)}.")


def read_targets(arguments: SequenceTestArguments, label2id: dict[str, int] | None = None) -> TestSet:
    """The test split that `arguments` name.

    Args:
        label2id: None: the models have no labels.
    """
    data = load_sequences(arguments)
    rows = test_rows(data.splits)
    sources, targets = rows["text"][:], rows["text_b"][:]
    figures = partial(_figures, arguments.figures or figures_kind(data.columns), arguments.lowercase_figures)
    return TestSet("sequence-to-sequence", sources, sources, targets, None, "text", figures)


def _figures(
    kind: str, lowercase: bool, test: TestSet, predictions: Sequence[Any], threshold: float | None
) -> dict[str, float]:
    return figures_of(predictions, test.references, kind, lowercase)


TEST_DATA = TestData(SequenceTestArguments, read_targets)
