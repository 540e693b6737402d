"""The pairs of texts that similarities are compared on, and that a model is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import EvalPrediction

from ...data.readers.pairs import PairDataArguments, load_pairs
from ...metrics.classification import metrics_for
from ...metrics.pairs import pair_figures
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows
from .measuring import triplet_texts


__all__ = ["TEST_DATA", "PairTestArguments", "read_all_pairs", "read_pairs", "similarity_figures"]


# Figures of labelled pairs that a similarity has without a threshold.
THRESHOLD_FREE = ("roc_auc", "average_precision")


@dataclass
class PairTestArguments(TestSplitOnly, PairDataArguments):
    """The pairs of texts that similarities are measured on: the test split."""


def read_pairs(arguments: PairTestArguments, label2id: dict[str, int] | None = None) -> TestSet:
    """The test split that `arguments` name; pairs have no labels of the models.

    Raises:
        ValueError: the pairs have classes, or are all alike: nothing that similarities can be compared by.
    """
    test = read_all_pairs(arguments)
    if test.problem_type not in ("labels", "scores"):
        has = "classes" if test.problem_type == "classes" else "no label 0"
        raise ValueError(
            f"Similarities are compared on pairs with labels 1 and 0 or with scores, and these have {has}. "
            "`label_column_name` names another column."
        )
    return test


def read_all_pairs(arguments: PairTestArguments, class_names: Sequence[str] | None = None) -> TestSet:
    """The test split that `arguments` name, of any kind of pairs.

    Args:
        class_names: The classes of a classifier of three or more, in the order of their ids.
    """
    data = load_pairs(arguments, class_names)
    rows = test_rows(data.splits)
    first, second = rows["text"][:], rows["text_b"][:]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(first, second, strict=True)]
    texts = list(dict.fromkeys([*first, *second]))
    figures = class_figures if data.kind == "classes" else similarity_figures
    triplets = None
    if data.triplets is not None and "test" in data.triplets:
        triplets = triplet_texts(data.triplets["test"])
    return TestSet(
        "sentence-similarity", texts, pairs, rows["label"][:], data.label_names, data.kind, figures, triplets
    )


def similarity_figures(test: TestSet, predictions: Sequence[Any], threshold: float | None) -> dict[str, float]:
    """The metrics of a similarity for each pair; labelled pairs have those of `THRESHOLD_FREE` without a threshold."""
    figures = pair_figures(test.problem_type, np.array(predictions), None, test.references, threshold=threshold)
    free = test.problem_type == "labels" and threshold is None
    return {name: figures[name] for name in THRESHOLD_FREE} if free else figures


def class_figures(test: TestSet, predictions: Sequence[Any], threshold: float | None) -> dict[str, float]:
    """The metrics of the logits of a classifier of pairs; no threshold plays a part."""
    compute = metrics_for("single_label_classification", len(test.label_names or ()))
    return compute(EvalPrediction(np.array(predictions), np.array(test.references)))


TEST_DATA = TestData(PairTestArguments, read_pairs)
