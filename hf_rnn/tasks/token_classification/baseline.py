"""Measures counted tags and a linear-chain CRF on the splits of a tagger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ...baselines.predicted import Predicted
from ...baselines.tags import crf_tags, most_frequent_tags
from ...data.readers.sentences import TokenClassificationData
from ...extras import require_extra
from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric
from ..beside import Baseline


__all__ = ["fit_crf", "fit_most_frequent"]


def fit_most_frequent(data: TokenClassificationData, splits: Collection[str]) -> Baseline:
    """Count the tags of each word in training, and measure its most frequent one on `splits`.

    Raises:
        ValueError: there is no training token.
    """
    return _measured(most_frequent_tags, data, splits)


def fit_crf(data: TokenClassificationData, splits: Collection[str]) -> Baseline:
    """Fit a linear-chain CRF on the training sentences, and measure it on `splits`.

    Raises:
        MissingExtraError: python-crfsuite is not installed.
        ValueError: there is no training token.
    """
    require_extra("train", "The CRF to compare a tagger with", "python-crfsuite")
    return _measured(crf_tags, data, splits)


def _measured(
    fit: Callable[[Mapping[str, Sequence[Sequence[str]]], Sequence[Sequence[str]]], Predicted],
    data: TokenClassificationData,
    splits: Collection[str],
) -> Baseline:
    tokens = {split: data.splits[split]["tokens"][:] for split in ("train", *splits)}
    names = data.tag_names
    tags = {split: [[names[tag] for tag in row] for row in data.splits[split]["tags"][:]] for split in tokens}
    found = fit(tokens, tags["train"])
    metric = TaggingMetric() if data.is_entities else TokenAccuracyMetric()
    figures = {split: metric.compute(predictions=found.answers[split], references=tags[split]) for split in splits}
    return Baseline(found.name, figures, found.options)
