"""The kinds of data that the default command is measured on: which task learns them, and by which figure."""

from __future__ import annotations

from dataclasses import dataclass


__all__ = ["KINDS", "DataKind"]


@dataclass(frozen=True)
class DataKind:
    """A kind of data.

    Attributes:
        task: What `hf-rnn train` calls the task.
        metrics: The names in results.json that the figure may have, the preferred one first.
        heading: What the figure is called in tables.
        less_is_better: Whether a lower figure is a better one.
        decimals: How many decimals of the figure the tables show.
    """

    task: str
    metrics: tuple[str, ...]
    heading: str
    less_is_better: bool = False
    decimals: int = 3

    def figure(self, metrics: dict[str, float]) -> float | None:
        """The figure among the metrics of a split; None: it was not measured."""
        return next((metrics[name] for name in self.metrics if name in metrics), None)


KINDS = {
    "classes": DataKind("text-classification", ("accuracy",), "accuracy"),
    "numbers": DataKind("text-classification", ("pearson",), "Pearson"),
    "tags": DataKind("token-classification", ("f1",), "strict F1"),
    # A network that reads both texts answers by its classifier, a siamese one without a classifier by its similarity.
    "pair_labels": DataKind("similarity", ("classifier_roc_auc", "roc_auc"), "ROC-AUC"),
    "pair_scores": DataKind("similarity", ("spearman",), "Spearman"),
    "characters": DataKind("language-modeling", ("bits_per_character",), "bits a character", less_is_better=True),
    "words": DataKind("language-modeling", ("perplexity",), "perplexity", less_is_better=True, decimals=1),
}
