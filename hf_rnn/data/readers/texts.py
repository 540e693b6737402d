"""Labelled texts from the Hub or from files, with the flags of transformers' own classification examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .files import read_rows
from .hold_out import hold_out_and_sample
from .labels import encode_labels
from .sources import (
    SourceArguments,
    column_texts,
    comma_separated,
    leading_split,
    read_splits,
    require_column,
)


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["DataArguments", "TextClassificationData", "load_text_classification", "load_texts"]

# The names under which a text column is found when `text_column_names` is not given.
USUAL_TEXT_COLUMNS = ("text", "sentence", "review", "content", "comment", "tweet", "document")


@dataclass
class DataArguments(SourceArguments):
    """Which texts and labels to read; for ``transformers.HfArgumentParser``."""

    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "The text column; several, separated by commas, are joined. "
            f"Default: the only one of the columns named {', '.join(USUAL_TEXT_COLUMNS)}."
        },
    )
    text_column_delimiter: str = field(default=" ", metadata={"help": "What joins several text columns."})
    label_column_name: str = field(default="label", metadata={"help": "The label column."})
    # The name is not `label_names`: TrainingArguments has a flag of that name, and the scripts parse both.
    class_names: str | None = field(
        default=None,
        metadata={"help": "Names, separated by commas, for integer labels (0 first), or the order of string labels."},
    )
    label_delimiter: str = field(
        default=",", metadata={"help": "What separates the labels of a text in a multi-label string column."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.label_delimiter:
            raise ValueError("`label_delimiter` must not be empty.")


@dataclass(frozen=True)
class TextClassificationData:
    """Texts and labels ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``text``
            (string) and ``label`` (ClassLabel; float32 multi-hot list; float32).
        label_names: The classes in order of their ids; None for regression.
        problem_type: ``"single_label_classification"``, ``"multi_label_classification"`` or ``"regression"``.
        dataset_name: The Hub id, or the training file as it was given.
    """

    splits: DatasetDict
    label_names: list[str] | None
    problem_type: str
    dataset_name: str


def load_text_classification(
    arguments: DataArguments,
    *,
    problem_type: str | None = None,
    label2id: dict[str, int] | None = None,
) -> TextClassificationData:
    """Read, check and split labelled texts.

    The label set is that of the training rows as they were read, before any are held out, sorted; see
    `hf_rnn.data.readers.labels.encode_labels` for what a label column may hold, and
    `hf_rnn.data.readers.hold_out.hold_out_and_sample` for how rows are held out and sampled.

    Args:
        arguments: What to read.
        problem_type: None to take it from the type of the label column.
        label2id: A trained model's map, which then decides instead of the training rows.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a null text or label, a label that is not
            in the label set, an empty split, or a split that is both given and to be held out.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    raw = _read(arguments)
    label_column = arguments.label_column_name
    for split, rows in raw.items():
        require_column(label_column, "label_column_name", split, rows)
    leading = leading_split(raw)
    text_columns = _text_columns(arguments, raw[leading], leading)
    if label_column in text_columns:
        raise ValueError(f"`label_column_name`={label_column!r} is also one of `text_column_names`.")
    encoded = encode_labels(
        raw,
        label_column,
        problem_type=problem_type,
        label2id=label2id,
        class_names=comma_separated(arguments.class_names, "class_names"),
        delimiter=arguments.label_delimiter,
    )
    features = Features({"text": Value("string"), "label": encoded.feature})
    splits = {}
    for split, rows in raw.items():
        texts = _texts(rows, text_columns, arguments.text_column_delimiter, split)
        splits[split] = Dataset.from_dict({"text": texts, "label": encoded.labels[split]}, features=features)
    return TextClassificationData(
        splits=DatasetDict(hold_out_and_sample(splits, arguments)),
        label_names=encoded.label_names,
        problem_type=encoded.problem_type,
        dataset_name=arguments.dataset_name or str(arguments.train_file or arguments.test_file),
    )


def load_texts(arguments: DataArguments) -> list[str]:
    """The texts of the training split alone, held-out rows excluded; no label column is needed.

    Raises:
        FileNotFoundError, ValueError: as `load_text_classification`.
    """
    from datasets import Dataset

    raw = _read(arguments)
    columns = _text_columns(arguments, raw["train"], "train")
    splits = {
        split: Dataset.from_dict({"text": _texts(rows, columns, arguments.text_column_delimiter, split)})
        for split, rows in raw.items()
    }
    return list(hold_out_and_sample(splits, arguments)["train"]["text"])


def _read(arguments: DataArguments) -> dict[str, Dataset]:
    return read_splits(
        arguments, lambda path: read_rows(path, arguments, typed_columns=(arguments.label_column_name,))
    )


def _text_columns(arguments: DataArguments, rows: Dataset, split: str) -> list[str]:
    named = comma_separated(arguments.text_column_names, "text_column_names")
    if named is not None:
        return named
    usual = [name for name in USUAL_TEXT_COLUMNS if name in rows.column_names and name != arguments.label_column_name]
    if len(usual) != 1:
        found = f"more than one usual text column ({', '.join(usual)})" if usual else "no usual text column"
        raise ValueError(
            f"Give `text_column_names`: the {split} split has {found}; its columns are "
            f"{', '.join(map(repr, rows.column_names))}."
        )
    return usual


def _texts(rows: Dataset, columns: list[str], delimiter: str, split: str) -> list[str]:
    parts = [column_texts(rows, column, "text_column_names", split) for column in columns]
    return [delimiter.join(texts) for texts in zip(*parts, strict=True)]
