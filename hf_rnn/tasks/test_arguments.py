"""Which texts a finished model is measured on: the readers' own flags, of which the test split alone is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..data.readers.pairs import PairDataArguments
from ..data.readers.sentences import TokenDataArguments
from ..data.readers.texts import DataArguments
from ..inference.pipelines import SIMILARITY


class _TestSplitOnly:
    """Arguments of a reader of which only the test split is read."""

    # The labels are those of the models.
    wants_training = False
    dataset_name: str | None
    test_file: str | None

    def __post_init__(self) -> None:
        if self.dataset_name is None and self.test_file is None:
            raise ValueError("Give `test_file` or `dataset_name`: the texts that the models are measured on.")
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
    "PairTestArguments",
    "TestArguments",
    "TextTestArguments",
    "TokenTestArguments",
]
