"""Measures the overlap of two texts on the splits of a network of pairs or triplets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from transformers import EvalPrediction

from ...data.readers.pairs import PairData
from ...extras import require_extra
from ...metrics.classification import metrics_for
from ...metrics.pairs import pair_figures
from ...metrics.similarity import best_threshold, matching_figures
from ...metrics.triplets import triplet_figures
from ..beside import Baseline
from .arguments import SimilarityArguments
from .measuring import text_pairs


__all__ = ["fit_overlap", "fit_triplets"]


def fit_overlap(data: PairData, arguments: SimilarityArguments, splits: Collection[str]) -> Baseline:
    """Fit on the training pairs, choose the threshold on validation as the network's, and measure on `splits`.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: all training pairs have the same label, or their texts hold no word.
    """
    require_extra("train", "The baseline of pairs", "scikit-learn")
    from ...baselines.pairs import class_odds, score_answers, word_vectors

    threshold_split = "validation" if "validation" in data.splits else "train"
    wanted = dict.fromkeys(["train", *splits])
    pairs = {split: text_pairs(data.splits[split]) for split in wanted | {threshold_split: None}}
    labels = {split: np.asarray(data.splits[split]["label"][:]) for split in pairs}
    if data.kind == "positives":
        found = word_vectors(pairs)
        figures = {split: _matching(found.answers[split], pairs[split]) for split in splits}
    elif data.kind == "scores":
        found = score_answers(pairs, labels["train"])
        figures = {split: pair_figures("scores", found.answers[split], None, labels[split]) for split in splits}
    elif data.kind == "classes":
        found = class_odds(pairs, labels["train"], len(data.label_names or ()))
        measure = metrics_for("single_label_classification", len(data.label_names or ()))
        figures = {split: measure(EvalPrediction(found.answers[split], labels[split])) for split in splits}
    else:
        # Without a validation split the trees answer the training pairs, too.
        asked = pairs if threshold_split == "validation" else pairs | {"threshold": pairs["train"]}
        found = class_odds(asked, labels["train"], 2)
        odds = {split: answers[:, 1] - answers[:, 0] for split, answers in found.answers.items()}
        of_threshold = odds[threshold_split if threshold_split in odds else "threshold"]
        threshold = best_threshold(of_threshold, labels[threshold_split], arguments.threshold_metric)
        figures = {
            split: pair_figures(
                "labels",
                odds[split],
                odds[split] if arguments.classifies else None,
                labels[split],
                threshold=threshold,
                odds_threshold=threshold,
            )
            for split in splits
        }
    return Baseline(found.name, figures, found.options)


def fit_triplets(data: PairData, splits: Collection[str]) -> Baseline:
    """Compare the texts of triplets by the cosine of their words, weighed by TF-IDF on the training pairs.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        ValueError: the data have no triplets, or their texts no word.
    """
    require_extra("train", "The baseline of triplets", "scikit-learn")
    from ...baselines.pairs import word_vectors

    triplets = data.triplets or {}
    measured = [split for split in splits if split in triplets]
    if not measured:
        raise ValueError(f"There are no triplets in the splits {', '.join(splits)}.")
    pairs = {"train": text_pairs(data.splits["train"])}
    for split in measured:
        texts = [triplets[split][column][:] for column in ("text", "text_b", "text_c")]
        pairs[split] = list(zip(texts[0], texts[1], strict=True))
        pairs[f"{split} negatives"] = list(zip(texts[0], texts[2], strict=True))
    found = word_vectors(pairs)
    figures = {}
    for split in measured:
        anchors, positives = map(torch.as_tensor, found.answers[split])
        negatives = torch.as_tensor(found.answers[f"{split} negatives"][1])
        figures[split] = triplet_figures(anchors, positives, negatives, "cosine")
    return Baseline(f"{found.name} (triplets)", figures, found.options)


def _matching(vectors: Any, pairs: list[tuple[str, str]]) -> dict[str, float]:
    first, second = map(torch.as_tensor, vectors)
    return matching_figures(first, second, pairs, "cosine")
