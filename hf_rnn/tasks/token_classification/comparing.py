"""The sentences that taggers are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...data.readers.sentences import TokenDataArguments, load_token_classification
from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows


__all__ = ["TEST_DATA", "TokenTestArguments", "read_sentences", "tag_figures"]


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


TEST_DATA = TestData(TokenTestArguments, read_sentences)
