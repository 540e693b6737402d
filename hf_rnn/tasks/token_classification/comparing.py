"""The sentences that taggers are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import Pipeline

from ...data.readers.label_forms import REGRESSION
from ...data.readers.sentences import TokenDataArguments, load_token_classification, load_token_targets
from ...data.readers.tagged.steps import StepData, step_targets
from ...inference.pipelines import label_names
from ...inference.steps import predict_steps
from ...metrics.steps import step_figures
from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric
from ...models.label_threshold import label_threshold
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows


__all__ = ["TEST_DATA", "TokenTestArguments", "read_sentences", "step_results", "tag_figures"]


@dataclass
class TokenTestArguments(TestSplitOnly, TokenDataArguments):
    """The sentences that taggers are measured on: the test split."""


def read_sentences(arguments: TokenTestArguments, label2id: dict[str, int] | None) -> TestSet:
    """The test split that `arguments` name.

    Args:
        label2id: The ids that the models give to the tags; None: those of the data.
    """
    data = load_token_classification(arguments, label2id=label2id)
    rows = test_rows(data.splits)
    sentences = [list(tokens) for tokens in rows["tokens"]]
    names = data.tag_names
    tags = [[names[tag] for tag in sentence] for sentence in rows["tags"]]
    texts = [" ".join(tokens) for tokens in sentences]
    kind = "tagging" if data.is_entities else "tags"
    return TestSet("token-classification", texts, sentences, tags, data.label_names, kind, tag_figures)


def tag_figures(test: TestSet, predictions: Sequence[Any], threshold: float | None) -> dict[str, float]:
    """The metrics of a tag for each token; no threshold plays a part."""
    metric = TaggingMetric() if test.problem_type == "tagging" else TokenAccuracyMetric()
    return metric.compute(predictions=list(predictions), references=test.references)


def step_results(pipeline: Pipeline, arguments: TokenTestArguments, batch_size: int) -> tuple[int, dict[str, float]]:
    """The number of sentences of the test split that `arguments` name, and the figures of a model of numbers or
    several labels at every token on them.

    Raises:
        FileNotFoundError, ValueError: of the data, which must have the model's outputs.
    """
    model: Any = pipeline.model
    kind, names = str(model.config.problem_type), label_names(model.config)
    data = load_token_targets(arguments, problem_type=kind, label2id={name: index for index, name in enumerate(names)})
    if not isinstance(data, StepData) or data.problem_type != kind:
        raise ValueError(f"`problem_type`={arguments.problem_type!r} was given, and the model is for {kind}.")
    rows = test_rows(data.splits)
    sentences = [list(tokens) for tokens in rows["tokens"]]
    said = np.concatenate(predict_steps(model, pipeline.tokenizer, sentences, batch_size))
    # Of a token that the tokenizer drops nothing is said.
    targets = np.where(np.isnan(said), np.nan, step_targets(rows))
    if kind != REGRESSION:
        # As the figures take them: logits.
        with np.errstate(divide="ignore"):
            said = np.log(said) - np.log1p(-said)
    return len(rows), step_figures(said, targets, kind, names, label_threshold(model.config))


TEST_DATA = TestData(TokenTestArguments, read_sentences)
