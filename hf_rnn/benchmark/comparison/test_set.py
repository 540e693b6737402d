"""The test set of a comparison: what the models read, what is right, and the metrics of the task."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data.readers.pairs import load_pairs
from ...data.readers.sentences import load_token_classification
from ...data.readers.texts import load_text_classification
from .arguments import SIMILARITY, PairTestArguments, TestArguments, TextTestArguments, TokenTestArguments


# problem type → the main metric, of what is no problem type of transformers
MAIN_METRICS = {"tagging": "f1", "tags": "accuracy", "labels": "roc_auc", "scores": "spearman"}
# Figures of labelled pairs that a similarity has without a threshold.
THRESHOLD_FREE = ("roc_auc", "average_precision")


@dataclass(frozen=True)
class TestSet:
    """
    A test split.

    Attributes:
        task: One of `DATA_ARGUMENTS`.
        texts: What a model answers for speed: strings, or pairs with `text` and `text_pair`; of tagged sentences the
            tokens joined by spaces; of pairs that are compared, the distinct texts.
        inputs: What quality is measured on: `texts`, the tokens of every sentence, or the pairs that are compared.
        references: What is right: a label id, a multi-hot vector, a number, or a tag for each token.
        label_names: In order of the ids; None for regression and similarity.
        problem_type: That of transformers; `tagging` or, of tags that mark no entities, `tags`; of pairs that are
            compared `labels` or `scores`, as of `PairData.kind`.
    """

    # Not a class of tests, though pytest takes it for one by its name.
    __test__ = False

    task: str
    texts: list[Any]
    inputs: list[Any]
    references: list[Any]
    label_names: list[str] | None
    problem_type: str

    @property
    def metric(self) -> str:
        """The main metric of the task."""
        from ...metrics.classification import default_metric

        return MAIN_METRICS.get(self.problem_type) or default_metric(self.problem_type)

    def metrics(self, predictions: Sequence[Any], threshold: float | None = None) -> dict[str, float]:
        """
        The figures of `predictions`, one for each of `references`: tags of its tokens, logits in the order of
        `label_names`, or a similarity.

        Args:
            threshold: The model's own, from which on pairs are said to be alike; None: it has none, and labelled
                pairs have the figures of `THRESHOLD_FREE` only.
        """
        from transformers import EvalPrediction

        from ...metrics.classification import metrics_for
        from ...metrics.pairs import pair_figures
        from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric

        if self.task == "token-classification":
            metric = TaggingMetric() if self.problem_type == "tagging" else TokenAccuracyMetric()
            return metric.compute(predictions=list(predictions), references=self.references)
        if self.task == SIMILARITY:
            figures = pair_figures(
                self.problem_type, np.array(predictions), None, self.references, threshold=threshold
            )
            free = self.problem_type == "labels" and threshold is None
            return {name: figures[name] for name in THRESHOLD_FREE} if free else figures
        compute = metrics_for(self.problem_type, len(self.label_names or ["score"]))
        return compute(EvalPrediction(np.array(predictions), np.array(self.references)))

    def first(self, count: int | None) -> TestSet:
        """The first `count` rows; None: all. Of pairs one of each label, or the lowest and highest score, are kept."""
        if count is None:
            return self
        rows = list(range(len(self.inputs)))
        if self.task == SIMILARITY:
            # In sorted files the first rows are all alike, and no metric is defined for them.
            extremes = {extreme(rows, key=self.references.__getitem__) for extreme in (min, max)}
            rows.sort(key=lambda row: row not in extremes)
        return replace(
            self,
            texts=self.texts[:count],
            inputs=[self.inputs[row] for row in rows[:count]],
            references=[self.references[row] for row in rows[:count]],
        )

    def sample(self, count: int, seed: int = 0) -> list[Any]:
        """At most `count` of the texts that are not empty, drawn with `seed`, in random order."""
        texts = [text for text in self.texts if text]
        return random.Random(seed).sample(texts, min(count, len(texts)))


def read_test_set(task: str, arguments: TestArguments, label_names: Sequence[str] | None) -> TestSet:
    """
    The test split that `arguments` name.

    Args:
        label_names: Of the models, in order of the ids, which integer labels are read by; None: those of the data.

    Raises:
        ValueError: there is no test split, or a label in it is none of the models'.
    """
    label2id = None if label_names is None else {name: index for index, name in enumerate(label_names)}
    if isinstance(arguments, TokenTestArguments):
        return _tagged(task, arguments, label2id)
    if isinstance(arguments, PairTestArguments):
        return _pairs(task, arguments)
    return _texts(task, arguments, label2id)


def _texts(task: str, arguments: TextTestArguments, label2id: dict[str, int] | None) -> TestSet:
    data = load_text_classification(arguments, label2id=label2id)
    rows = _test_rows(data.splits)
    texts: list[Any] = list(rows["text"])
    if arguments.text_pair_column_name is not None:
        pairs = replace(arguments, text_column_names=arguments.text_pair_column_name)
        second = _test_rows(load_text_classification(pairs, label2id=label2id).splits)["text"]
        texts = [{"text": a, "text_pair": b} for a, b in zip(texts, second, strict=True)]
    return TestSet(task, texts, texts, list(rows["label"]), data.label_names, data.problem_type)


def _tagged(task: str, arguments: TokenTestArguments, label2id: dict[str, int] | None) -> TestSet:
    data = load_token_classification(arguments, label2id=label2id)
    rows = _test_rows(data.splits)
    sentences = [list(tokens) for tokens in rows["tokens"]]
    tags = [[data.label_names[tag] for tag in sentence] for sentence in rows["tags"]]
    texts = [" ".join(tokens) for tokens in sentences]
    return TestSet(task, texts, sentences, tags, data.label_names, "tagging" if data.is_entities else "tags")


def _pairs(task: str, arguments: PairTestArguments) -> TestSet:
    data = load_pairs(arguments)
    rows = _test_rows(data.splits)
    first, second = rows["text"][:], rows["text_b"][:]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(first, second, strict=True)]
    texts = list(dict.fromkeys([*first, *second]))
    return TestSet(task, texts, pairs, rows["label"][:], None, data.kind)


def _test_rows(splits: Any) -> Any:
    if "test" not in splits:
        raise ValueError(f"There is no test split among {', '.join(splits)}: give `test_file`.")
    return splits["test"]


__all__ = ["TestSet", "read_test_set"]
