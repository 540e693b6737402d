"""Measures TF-IDF and a linear model on the splits of a text classifier."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from transformers import EvalPrediction

from ...data.readers.texts import TextClassificationData
from ...extras import require_extra
from ...metrics.classification import metrics_for
from ..beside import Baseline


__all__ = ["fit_linear"]


def fit_linear(data: TextClassificationData, splits: Collection[str]) -> Baseline:
    """Fit on the training texts, choose on validation where there is one, and measure on `splits`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: the training texts hold no word.
    """
    require_extra("train", "The baseline of texts", "scikit-learn")
    from ...baselines.texts import class_scores, label_scores, number_scores

    wanted = [split for split in ("train", "validation", "test") if split in data.splits]
    wanted = [split for split in wanted if split != "test" or split in splits]
    texts = {split: list(data.splits[split]["text"][:]) for split in wanted}
    labels = {split: np.asarray(data.splits[split]["label"][:]) for split in wanted}
    num_labels = len(data.label_names or ["score"])
    if data.problem_type == "single_label_classification":
        found = class_scores(texts, labels, num_labels)
    elif data.problem_type == "multi_label_classification":
        found = label_scores(texts, labels)
    else:
        found = number_scores(texts, labels)
    measure = metrics_for(data.problem_type, num_labels, label_names=data.label_names)
    figures = {split: measure(EvalPrediction(found.answers[split], labels[split])) for split in splits}
    return Baseline(found.name, figures, found.options)
