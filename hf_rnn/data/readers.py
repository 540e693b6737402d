"""Labelled texts from the Hub or from files, with the flags of transformers' own classification examples."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .files import FILE_TYPES, expand_path, read_rows
from .labels import encode_labels


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["DataArguments", "TextClassificationData", "load_text_classification", "load_texts"]

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
# The names under which a text column is found when `text_column_names` is not given.
USUAL_TEXT_COLUMNS = ("text", "sentence", "review", "content", "comment", "tweet", "document")
_FILES = f"A file of rows ({', '.join(FILE_TYPES)}; ${{HF_RNN_CORPORA}} and other variables may be used): "


@dataclass
class DataArguments:
    """Which texts and labels to read; for ``transformers.HfArgumentParser``."""

    dataset_name: str | None = field(
        default=None, metadata={"help": "A dataset of the Hub, or a local folder that `load_dataset` reads."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "The configuration of `dataset_name`."})
    train_file: str | None = field(default=None, metadata={"help": _FILES + "the training split."})
    validation_file: str | None = field(default=None, metadata={"help": _FILES + "the validation split."})
    test_file: str | None = field(default=None, metadata={"help": _FILES + "the test split."})
    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "The text column; several, separated by commas, are joined. "
            f"Default: the only one of the columns named {', '.join(USUAL_TEXT_COLUMNS)}."
        },
    )
    text_column_delimiter: str = field(default=" ", metadata={"help": "What joins several text columns."})
    label_column_name: str = field(default="label", metadata={"help": "The label column."})
    # Not `label_names`: TrainingArguments has a flag of that name, and the scripts parse both.
    class_names: str | None = field(
        default=None,
        metadata={"help": "Names, separated by commas, for integer labels (0 first), or the order of string labels."},
    )
    label_delimiter: str = field(
        default=",", metadata={"help": "What separates the labels of a text in a multi-label string column."}
    )
    validation_split_percentage: float | None = field(
        default=None, metadata={"help": "Hold this share of the training rows out for validation (0 to 100)."}
    )
    validation_split_size: int | None = field(
        default=None,
        metadata={"help": "Hold this many rows out for validation: the last of the shuffled training rows."},
    )
    test_split_percentage: float | None = field(
        default=None, metadata={"help": "Hold this share of the training rows out as the test split (0 to 100)."}
    )
    max_train_samples: int | None = field(
        default=None, metadata={"help": "Train on a random sample of this many rows (drawn with `split_seed`)."}
    )
    max_eval_samples: int | None = field(default=None, metadata={"help": "The same for the validation split."})
    max_predict_samples: int | None = field(default=None, metadata={"help": "The same for the test split."})
    split_seed: int = field(default=42, metadata={"help": "The seed of the shuffle before rows are held out."})

    def __post_init__(self) -> None:
        files = {name: getattr(self, name) for name in ("train_file", "validation_file", "test_file")}
        given = [name for name, path in files.items() if path is not None]
        if self.dataset_name is not None and given:
            raise ValueError(f"`dataset_name`={self.dataset_name!r} and `{given[0]}` were both given; give one.")
        if self.dataset_name is None and self.train_file is None:
            raise ValueError("Give `dataset_name` (a dataset of the Hub or a folder) or `train_file`.")
        for name in ("validation_split_percentage", "test_split_percentage"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 100:
                raise ValueError(f"`{name}`={value!r} must be more than 0 and less than 100.")
        if (self.validation_split_percentage or 0) + (self.test_split_percentage or 0) >= 100:
            raise ValueError(
                f"`validation_split_percentage`={self.validation_split_percentage!r} and `test_split_percentage`="
                f"{self.test_split_percentage!r} must sum to less than 100: nothing would be left to train on."
            )
        for name in ("validation_split_size", "max_train_samples", "max_eval_samples", "max_predict_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}`={value!r} must be at least 1.")
        if self.validation_split_percentage is not None and self.validation_split_size is not None:
            raise ValueError("`validation_split_percentage` and `validation_split_size` were both given; give one.")
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
    `hf_rnn.data.labels.encode_labels` for what a label column may hold. Rows keep their order, except that holding
    out shuffles the training rows once (``Dataset.shuffle(seed=split_seed)``): the last rows are the validation split,
    those before them the test split. The ``max_*_samples`` are random samples in row order, because many corpora are
    sorted by class.

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

    raw = _read_splits(arguments)
    label_column = arguments.label_column_name
    for split, rows in raw.items():
        _require_column(label_column, "label_column_name", split, rows)
    text_columns = _text_columns(arguments, raw["train"])
    if label_column in text_columns:
        raise ValueError(f"`label_column_name`={label_column!r} is also one of `text_column_names`.")
    encoded = encode_labels(
        raw,
        label_column,
        problem_type=problem_type,
        label2id=label2id,
        class_names=_comma_separated(arguments.class_names, "class_names"),
        delimiter=arguments.label_delimiter,
    )
    features = Features({"text": Value("string"), "label": encoded.feature})
    splits = {}
    for split, rows in raw.items():
        texts = _texts(rows, text_columns, arguments.text_column_delimiter, split)
        splits[split] = Dataset.from_dict({"text": texts, "label": encoded.labels[split]}, features=features)
    return TextClassificationData(
        splits=DatasetDict(_sample_splits(_hold_out(splits, arguments), arguments)),
        label_names=encoded.label_names,
        problem_type=encoded.problem_type,
        dataset_name=arguments.dataset_name or str(arguments.train_file),
    )


def load_texts(arguments: DataArguments) -> list[str]:
    """The texts of the training split alone, held-out rows excluded; no label column is needed.

    Raises:
        FileNotFoundError, ValueError: as `load_text_classification`.
    """
    from datasets import Dataset

    raw = _read_splits(arguments)
    columns = _text_columns(arguments, raw["train"])
    splits = {
        split: Dataset.from_dict({"text": _texts(rows, columns, arguments.text_column_delimiter, split)})
        for split, rows in raw.items()
    }
    return list(_sample_splits(_hold_out(splits, arguments), arguments)["train"]["text"])


def _read_splits(arguments: DataArguments) -> dict[str, Dataset]:
    if arguments.dataset_name is None:
        paths = {split: getattr(arguments, f"{split}_file") for split in SPLITS}
        typed = (arguments.label_column_name,)
        return {split: read_rows(path, typed_columns=typed) for split, path in paths.items() if path is not None}

    from datasets import load_dataset

    name = arguments.dataset_name
    loaded = load_dataset(str(expand_path(name)) if "$" in name else name, arguments.dataset_config_name)
    if "train" not in loaded:
        raise ValueError(f"`dataset_name`={name!r} has no split named 'train'; it has {', '.join(loaded)}.")
    unused = [split for split in loaded if split not in SPLITS]
    if unused:
        logger.warning("The splits %s of %s are not used; only %s are.", ", ".join(unused), name, ", ".join(SPLITS))
    splits = {split: loaded[split] for split in SPLITS if split in loaded}
    for split, rows in splits.items():
        if len(rows) == 0:
            raise ValueError(f"The {split} split of `dataset_name`={name!r} has no rows.")
    return splits


def _require_column(column: str, argument: str, split: str, rows: Dataset) -> None:
    if column not in rows.column_names:
        raise ValueError(
            f"`{argument}`: there is no column {column!r} in the {split} split; its columns are "
            f"{', '.join(map(repr, rows.column_names))}."
        )


def _comma_separated(value: str | None, argument: str) -> list[str] | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if not all(names) or len(set(names)) != len(names):
        raise ValueError(f"`{argument}`={value!r} must be different, non-empty names separated by commas.")
    return names


def _text_columns(arguments: DataArguments, rows: Dataset) -> list[str]:
    named = _comma_separated(arguments.text_column_names, "text_column_names")
    if named is not None:
        return named
    usual = [name for name in USUAL_TEXT_COLUMNS if name in rows.column_names and name != arguments.label_column_name]
    if len(usual) != 1:
        found = f"more than one usual text column ({', '.join(usual)})" if usual else "no usual text column"
        raise ValueError(
            f"Give `text_column_names`: the train split has {found}; its columns are "
            f"{', '.join(map(repr, rows.column_names))}."
        )
    return usual


def _texts(rows: Dataset, columns: list[str], delimiter: str, split: str) -> list[str]:
    parts: list[list[Any]] = []
    for column in columns:
        _require_column(column, "text_column_names", split, rows)
        values = list(rows[column])
        for row, value in enumerate(values):
            if not isinstance(value, str):
                problem = "no text (null)" if value is None else f"{value!r}, which is no text,"
                raise ValueError(f"Column `{column}` of the {split} split has {problem} in row {row} (from 0).")
        parts.append(values)
    return [delimiter.join(texts) for texts in zip(*parts, strict=True)]


def _hold_out(splits: dict[str, Dataset], arguments: DataArguments) -> dict[str, Dataset]:
    """Take the validation and test rows that `arguments` ask for from the shuffled training rows."""
    train = splits["train"]
    sizes = {"validation": 0, "test": 0}
    if arguments.validation_split_size is not None:
        sizes["validation"] = arguments.validation_split_size
    for split in sizes:
        percentage = getattr(arguments, f"{split}_split_percentage")
        if percentage is not None:
            sizes[split] = round(len(train) * percentage / 100)
            if sizes[split] == 0:
                raise ValueError(f"`{split}_split_percentage`={percentage!r} of {len(train)} rows is no row at all.")
        if sizes[split] and split in splits:
            raise ValueError(
                f"A {split} split was given and another is to be held out (`{split}_split_...`); drop one."
            )
    kept = len(train) - sum(sizes.values())
    if kept == len(train):
        return splits
    if kept < 1:
        raise ValueError(
            f"Holding out {sizes['validation']} rows for validation (`validation_split_size` or `_percentage`) and "
            f"{sizes['test']} for test (`test_split_percentage`) leaves none of the {len(train)} training rows."
        )
    shuffled = train.shuffle(seed=arguments.split_seed)
    test_end = kept + sizes["test"]
    ranges = {"train": (0, kept), "test": (kept, test_end), "validation": (test_end, len(train))}
    held = {split: shuffled.select(range(*ends)) for split, ends in ranges.items() if ends[0] < ends[1]}
    merged = {**splits, **held}
    return {split: merged[split] for split in SPLITS if split in merged}


def _sample_splits(splits: dict[str, Dataset], arguments: DataArguments) -> dict[str, Dataset]:
    limits = {
        "train": arguments.max_train_samples,
        "validation": arguments.max_eval_samples,
        "test": arguments.max_predict_samples,
    }
    return {split: _sample(rows, limits[split], arguments.split_seed) for split, rows in splits.items()}


def _sample(rows: Dataset, size: int | None, seed: int) -> Dataset:
    if size is None or size >= len(rows):
        return rows
    return rows.select(sorted(random.Random(seed).sample(range(len(rows)), size)))
