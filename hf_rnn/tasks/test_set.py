"""The test set of a comparison: what the models read, what is right, and how a task reads and measures it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..runs.kinds import find_kind


__all__ = ["TestData", "TestSet", "TestSplitOnly", "test_rows"]


@dataclass(frozen=True)
class TestSet:
    """A test split.

    Attributes:
        task: The name of the task.
        texts: What a model answers for speed: strings, or pairs with `text` and `text_pair`; of tagged sentences the
            tokens joined by spaces; of pairs that are compared, the distinct texts.
        inputs: What quality is measured on: `texts`, the tokens of every sentence, or the pairs that are compared.
        references: What is right: a label id, a multi-hot vector, a number, or a tag for each token.
        label_names: In order of the ids; None for regression and similarity.
        problem_type: The kind of the data, a key of `Kind.selects`.
        figures: Given this test set, predictions and a threshold, the metrics (see `metrics`).
        triplets: The anchors, positives and negatives of rows that are triplets; None: they are none.
    """

    # This is no class of tests, though pytest takes it for one by its name.
    __test__ = False

    task: str
    texts: list[Any]
    inputs: list[Any]
    references: list[Any]
    label_names: list[str] | None
    problem_type: str
    figures: Callable[[TestSet, Sequence[Any], float | None], dict[str, float]]
    triplets: tuple[list[str], list[str], list[str]] | None = None

    @property
    def metric(self) -> str:
        """The main metric of the task."""
        return find_kind(self.task).selects[self.problem_type]

    def metrics(self, predictions: Sequence[Any], threshold: float | None = None) -> dict[str, float]:
        """The figures of `predictions`, one for each of `references`: tags of its tokens, logits in the order of
        `label_names`, or a similarity.

        Args:
            threshold: The model's own, from which on pairs are said to be alike, or a text to have a label where it
                may have several; None: it has none.
        """
        return self.figures(self, predictions, threshold)

    def first(self, count: int | None) -> TestSet:
        """The first `count` rows; None: all. Of pairs one of each label, or the lowest and highest score, are kept."""
        if count is None:
            return self
        rows = list(range(len(self.inputs)))
        if find_kind(self.task).inputs == "pair":
            # The first rows are all alike in sorted files, and no metric is defined for them.
            extremes = {extreme(rows, key=self.references.__getitem__) for extreme in (min, max)}
            rows.sort(key=lambda row: row not in extremes)
        return replace(
            self,
            texts=self.texts[:count],
            inputs=[self.inputs[row] for row in rows[:count]],
            references=[self.references[row] for row in rows[:count]],
        )

    def sample(self, count: int, seed: int = 0) -> list[Any]:
        """Draw at most `count` of the texts that are not empty, with `seed`, in random order."""
        texts = [text for text in self.texts if text]
        return random.Random(seed).sample(texts, min(count, len(texts)))


@dataclass(frozen=True)
class TestData:
    """The way that the test set of a task is read.

    Attributes:
        arguments: The argument dataclass that names the test split.
        read: Given an instance of it and, where the models have labels, label → id, the test set.
    """

    __test__ = False

    arguments: type
    read: Callable[[Any, dict[str, int] | None], TestSet]


class TestSplitOnly:
    """Arguments of a reader of which only the test split is read."""

    __test__ = False
    # The labels are those of the models.
    wants_training = False
    dataset_name: str | None
    test_file: str | None

    def __post_init__(self) -> None:
        if self.dataset_name is None and self.test_file is None:
            raise ValueError("Give `test_file` or `dataset_name`: the texts that the models are measured on.")
        super().__post_init__()  # type: ignore[misc]


def test_rows(splits: Mapping[str, Any]) -> Any:
    """The rows of the test split.

    Raises:
        ValueError: there is none.
    """
    if "test" not in splits:
        raise ValueError(f"There is no test split among {', '.join(splits)}: give `test_file`.")
    return splits["test"]


test_rows.__test__ = False  # type: ignore[attr-defined]
