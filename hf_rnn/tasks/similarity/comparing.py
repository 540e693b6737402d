"""The pairs of texts that similarities are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.readers.pairs import PairDataArguments, load_pairs
from ...metrics.pairs import pair_figures
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows


__all__ = ["TEST_DATA", "PairTestArguments", "read_pairs", "similarity_figures"]


# Figures of labelled pairs that a similarity has without a threshold.
THRESHOLD_FREE = ("roc_auc", "average_precision")


@dataclass
class PairTestArguments(TestSplitOnly, PairDataArguments):
    """The pairs of texts that similarities are measured on: the test split."""


def read_pairs(arguments: PairTestArguments, label2id: dict[str, int] | None = None) -> TestSet:
    """The test split that `arguments` name; pairs have no labels of the models."""
    data = load_pairs(arguments)
    rows = test_rows(data.splits)
    first, second = rows["text"][:], rows["text_b"][:]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(first, second, strict=True)]
    texts = list(dict.fromkeys([*first, *second]))
    return TestSet("sentence-similarity", texts, pairs, rows["label"][:], None, data.kind, similarity_figures)


def similarity_figures(test: TestSet, predictions: Sequence[Any], threshold: float | None) -> dict[str, float]:
    """The metrics of a similarity for each pair; labelled pairs have those of `THRESHOLD_FREE` without a threshold."""
    figures = pair_figures(test.problem_type, np.array(predictions), None, test.references, threshold=threshold)
    free = test.problem_type == "labels" and threshold is None
    return {name: figures[name] for name in THRESHOLD_FREE} if free else figures


TEST_DATA = TestData(PairTestArguments, read_pairs)
