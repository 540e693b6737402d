"""What `scripts/compare.py` is told: models and output, and the test set by the flags of the training scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...data.readers.pairs import PairDataArguments
from ...data.readers.sentences import TokenDataArguments
from ...data.readers.texts import DataArguments


# The task that transformers has no head and no pipeline for.
SIMILARITY = "sentence-similarity"


@dataclass(frozen=True)
class Cited:
    """
    A published figure that was not measured here.

    Attributes:
        name: Of the model.
        value: Of the task's main metric, as a share: 0.924 and not 92.4.
        source: Where it was published.
    """

    name: str
    value: float
    source: str

    @classmethod
    def parse(cls, text: str) -> Cited:
        """
        From `NAME=VALUE=SOURCE`; a source may hold further equals signs, as addresses do.

        Raises:
            ValueError: it is not of this form, or the value is not between -1 and 1.
        """
        name, value, source = (part.strip() for part in (text.split("=", 2) + ["", ""])[:3])
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not name or not source or not -1 <= number <= 1:
            raise ValueError(f"`cited`={text!r} must be NAME=VALUE=SOURCE with a value such as 0.924, from -1 to 1.")
        return cls(name, number, source)


@dataclass
class CompareArguments:
    """Which models are compared, and where the figures go."""

    task: str = field(
        metadata={"help": "text-classification (also of pairs), token-classification or sentence-similarity."}
    )
    models: list[str] = field(
        metadata={
            "help": "Checkpoints: folders, ids of the Hub, bundled:NAME; or random:CONFIG (the folder of a "
            "config.json, an id or bert-base-cased): random weights, measured for speed, memory and size only. Each "
            "is called by its last part, or by NAME where it is given as NAME=CHECKPOINT. For sentence-similarity: "
            "siamese networks of texts, or encoders such as BertModel, of which the mean over the tokens is "
            "compared by cosine."
        }
    )
    output: str = field(metadata={"help": "The JSON file; a table (.md) and a plot (.png) are written beside it."})
    baseline: str | None = field(
        default=None, metadata={"help": "Name of the model that the others are compared with in ratios."}
    )
    cited: list[str] | None = field(
        default=None, metadata={"help": "Published figures of the main metric, each as NAME=VALUE=SOURCE."}
    )
    threads: int | None = field(
        default=None, metadata={"help": "Of batches; one text has one. Default: as `predict_texts` chooses."}
    )
    quick: bool = field(default=False, metadata={"help": "Shows that it works on few texts, measures nothing."})

    def __post_init__(self) -> None:
        if self.task not in DATA_ARGUMENTS:
            raise ValueError(f"`task`={self.task!r} must be one of {', '.join(DATA_ARGUMENTS)}.")
        if not self.models:
            raise ValueError("`models` must name at least one model.")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"`threads`={self.threads} must be at least 1.")
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")
        self.citations()

    def citations(self) -> list[Cited]:
        """The figures in `cited`."""
        return [Cited.parse(text) for text in self.cited or []]


class _TestSplitOnly:
    """Arguments of a reader of which only the test split is read."""

    dataset_name: str | None
    train_file: str | None
    test_file: str | None

    def __post_init__(self) -> None:
        if self.dataset_name is None and self.test_file is None:
            raise ValueError("Give `test_file` or `dataset_name`: the texts that the models are measured on.")
        if self.dataset_name is None and self.train_file is None:
            # The readers want training rows. The labels are those of the models, so any rows will do.
            self.train_file = self.test_file
        super().__post_init__()  # type: ignore[misc]


@dataclass
class TextTestArguments(_TestSplitOnly, DataArguments):
    """The texts that classifiers are measured on: the test split."""

    text_pair_column_name: str | None = field(
        default=None, metadata={"help": "The column of the second texts, where pairs are classified."}
    )


@dataclass
class TokenTestArguments(_TestSplitOnly, TokenDataArguments):
    """The sentences that taggers are measured on: the test split."""


@dataclass
class PairTestArguments(_TestSplitOnly, PairDataArguments):
    """The pairs of texts that similarities are measured on: the test split."""


# task → its arguments
DATA_ARGUMENTS: dict[str, Any] = {
    "text-classification": TextTestArguments,
    "token-classification": TokenTestArguments,
    SIMILARITY: PairTestArguments,
}
TestArguments = TextTestArguments | TokenTestArguments | PairTestArguments

__all__ = [
    "DATA_ARGUMENTS",
    "SIMILARITY",
    "Cited",
    "CompareArguments",
    "PairTestArguments",
    "TestArguments",
    "TextTestArguments",
    "TokenTestArguments",
]
