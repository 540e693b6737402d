"""The metrics: what predictions are worth, a module a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .classification import ClassificationMetric as ClassificationMetric
    from .classification import MultiLabelMetric as MultiLabelMetric
    from .classification import MultiOutputMetric as MultiOutputMetric
    from .classification import RegressionMetric as RegressionMetric
    from .classification import default_metric as default_metric
    from .classification import metrics_for as metrics_for
    from .confusion import confusion_markdown as confusion_markdown
    from .confusion import confusion_table as confusion_table
    from .confusion import label_confusion as label_confusion
    from .few_shot import FewShotAccuracy as FewShotAccuracy
    from .few_shot import n_way_k_shot as n_way_k_shot
    from .few_shot import pixel_nearest_neighbour as pixel_nearest_neighbour
    from .label_threshold import best_label_threshold as best_label_threshold
    from .language import LanguageModelMetric as LanguageModelMetric
    from .language import bits_per_character as bits_per_character
    from .language import language_metrics as language_metrics
    from .language import perplexity as perplexity
    from .pairs import matching_metrics_for as matching_metrics_for
    from .pairs import pair_figures as pair_figures
    from .pairs import predicted_scores as predicted_scores
    from .pairs import similarity_metrics_for as similarity_metrics_for
    from .sequences import sequence_metrics as sequence_metrics
    from .sequences import signatures as signatures
    from .series import SeriesErrors as SeriesErrors
    from .similarity import PairClassificationMetric as PairClassificationMetric
    from .similarity import ScoreCorrelationMetric as ScoreCorrelationMetric
    from .similarity import best_threshold as best_threshold
    from .similarity import matching_figures as matching_figures
    from .similarity import retrieval_figures as retrieval_figures
    from .steps import FrameMetric as FrameMetric
    from .steps import step_figures as step_figures
    from .steps import step_metrics_for as step_metrics_for
    from .tagging import TaggingMetric as TaggingMetric
    from .tagging import TokenAccuracyMetric as TokenAccuracyMetric
    from .tagging import best_labels as best_labels
    from .tagging import decode_tags as decode_tags
    from .tagging import entity_spans as entity_spans
    from .tagging import span_f1 as span_f1
    from .tagging import tagging_metrics_for as tagging_metrics_for
    from .text_loss import text_loss as text_loss
    from .triplets import triplet_figures as triplet_figures
    from .triplets import triplet_metrics as triplet_metrics
    from .uncertainty import wilson_interval as wilson_interval

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "ClassificationMetric": ".classification",
        "FewShotAccuracy": ".few_shot",
        "FrameMetric": ".steps",
        "LanguageModelMetric": ".language",
        "MultiLabelMetric": ".classification",
        "MultiOutputMetric": ".classification",
        "PairClassificationMetric": ".similarity",
        "RegressionMetric": ".classification",
        "ScoreCorrelationMetric": ".similarity",
        "SeriesErrors": ".series",
        "TaggingMetric": ".tagging",
        "TokenAccuracyMetric": ".tagging",
        "best_label_threshold": ".label_threshold",
        "best_labels": ".tagging",
        "best_threshold": ".similarity",
        "triplet_figures": ".triplets",
        "triplet_metrics": ".triplets",
        "wilson_interval": ".uncertainty",
        "bits_per_character": ".language",
        "confusion_markdown": ".confusion",
        "confusion_table": ".confusion",
        "label_confusion": ".confusion",
        "decode_tags": ".tagging",
        "default_metric": ".classification",
        "entity_spans": ".tagging",
        "language_metrics": ".language",
        "metrics_for": ".classification",
        "n_way_k_shot": ".few_shot",
        "matching_metrics_for": ".pairs",
        "pair_figures": ".pairs",
        "perplexity": ".language",
        "pixel_nearest_neighbour": ".few_shot",
        "predicted_scores": ".pairs",
        "matching_figures": ".similarity",
        "retrieval_figures": ".similarity",
        "sequence_metrics": ".sequences",
        "signatures": ".sequences",
        "similarity_metrics_for": ".pairs",
        "span_f1": ".tagging",
        "step_figures": ".steps",
        "step_metrics_for": ".steps",
        "tagging_metrics_for": ".tagging",
        "text_loss": ".text_loss",
    },
)
