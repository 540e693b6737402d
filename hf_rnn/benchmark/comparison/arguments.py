"""The arguments of a comparison: models and output, and the test set by the flags of the training scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...tasks.registry import TASK_NAMES, find_task


__all__ = ["DATA_ARGUMENTS", "Cited", "CompareArguments"]


@dataclass(frozen=True)
class Cited:
    """A published figure that was not measured here.

    Attributes:
        name: The name of the model.
        value: The value of the task's main metric, as a share: 0.924 and not 92.4.
        source: Where it was published.
    """

    name: str
    value: float
    source: str

    @classmethod
    def parse(cls, text: str) -> Cited:
        """Read `NAME=VALUE=SOURCE`; a source may hold further equals signs, as addresses do.

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
    """The models that are compared, and the files that the figures go to."""

    task: str = field(
        metadata={
            "help": "Task of the models: text-classification (also of pairs), token-classification or "
            "sentence-similarity."
        }
    )
    models: list[str] = field(
        metadata={
            "help": "Checkpoints to compare: folders, ids of the Hub, bundled:NAME; or random:CONFIG (the "
            "folder of a config.json, an id or bert-base-cased), random weights that are measured "
            "for speed, memory and size only; or models of other libraries: fasttext:FILE (.bin or .ftz, for "
            "text-classification), spacy:FOLDER or spacy:PACKAGE (a pipeline with ner, for "
            "token-classification), model2vec:FOLDER (for sentence-similarity). Each is called by its last "
            "part, or by NAME where it is given as NAME=CHECKPOINT. For sentence-similarity: siamese networks of "
            "texts, or encoders such as BertModel, whose mean over the tokens is compared by cosine."
        }
    )
    output: str = field(
        metadata={"help": "JSON file to write; a table (.md) and a plot (.png) are written beside it."}
    )
    baseline: str | None = field(
        default=None,
        metadata={"help": "Name of the model that the others are compared with in ratios. Default: none, no ratios."},
    )
    cited: list[str] | None = field(
        default=None,
        metadata={
            "help": "Published figures of the main metric to show, too, each as NAME=VALUE=SOURCE. Default: none."
        },
    )
    threads: int | None = field(
        default=None,
        metadata={
            "help": "Number of CPU threads for batches; a single text is given one. Default: as "
            "`predict_texts` chooses."
        },
    )
    quick: bool = field(
        default=False, metadata={"help": "Show on a few texts that it works; the figures mean nothing."}
    )

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


# Task → the arguments of its test set, of those tasks whose models are compared.
DATA_ARGUMENTS: dict[str, type] = {
    name: data.arguments for name in TASK_NAMES if (data := find_task(name).test_data) is not None
}
