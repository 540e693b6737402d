"""The texts that classifiers are compared on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from transformers import EvalPrediction

from ...data.readers.files import expand_path
from ...data.readers.tables.class_folders import find_class_folders
from ...data.readers.texts import DataArguments, load_text_classification
from ...metrics.classification import metrics_for
from ...models.label_threshold import DEFAULT_LABEL_THRESHOLD
from ..test_set import TestData, TestSet, TestSplitOnly, test_rows


__all__ = ["TEST_DATA", "TextTestArguments", "logit_figures", "read_texts"]


@dataclass
class TextTestArguments(TestSplitOnly, DataArguments):
    """The texts that classifiers are measured on: the test split."""

    text_pair_column_name: str | None = field(
        default=None, metadata={"help": "Column of the second texts, where pairs are classified. Default: none."}
    )


def read_texts(
    arguments: TextTestArguments,
    label2id: dict[str, int] | None,
    task: str = "text-classification",
    problem_type: str | None = None,
) -> TestSet:
    """The test split that `arguments` name.

    Args:
        label2id: The ids that the models give to the labels; None: those of the data.
        task: The name of the task that the texts are measured for.
        problem_type: That of the model, as transformers names it; None: it is found from the label column.
    """
    folder = arguments.dataset_name
    if folder is not None and find_class_folders(expand_path(folder)) is not None:
        # The folders of the classes are no split of a dataset: all of them are measured.
        arguments = replace(arguments, dataset_name=None, test_file=folder)
    if arguments.text_pair_column_name is not None:
        # The two texts of a row are read one after the other; a row that one of them drops would part them.
        arguments = replace(arguments, empty_rows="refuse")
    data = load_text_classification(arguments, problem_type=problem_type, label2id=label2id, needs_training=False)
    rows = test_rows(data.splits)
    texts: list[Any] = list(rows["text"])
    if arguments.text_pair_column_name is not None:
        pairs = replace(arguments, text_column_names=arguments.text_pair_column_name)
        read = load_text_classification(pairs, problem_type=problem_type, label2id=label2id, needs_training=False)
        second = test_rows(read.splits)["text"]
        texts = [{"text": a, "text_pair": b} for a, b in zip(texts, second, strict=True)]
    return TestSet(task, texts, texts, list(rows["label"]), data.label_names, data.problem_type, logit_figures)


def logit_figures(test: TestSet, predictions: Sequence[Any], threshold: float | None) -> dict[str, float]:
    """The metrics of logits in the order of `test.label_names`. Where a text may have several labels, it has those
    from the `threshold` on, of a model without one from 0.5 on.
    """
    chosen = DEFAULT_LABEL_THRESHOLD if threshold is None else threshold
    names = test.label_names or ["score"]
    compute = metrics_for(test.problem_type, len(names), threshold=chosen, label_names=names)
    return compute(EvalPrediction(np.array(predictions), np.array(test.references)))


TEST_DATA = TestData(TextTestArguments, read_texts)
