"""The source of the rows and how they are split: what the data of every task have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .cells import is_empty
from .columns import described_columns
from .files import FILE_TYPES, TAGGED_FILE_TYPES, expand_path, files_of
from .places import PLACE_COLUMN, data_columns, place_of_row
from .tables.class_folders import ClassFolders, find_class_folders, find_split_folders
from .tables.object_lists import parts_in_lists, with_named_parts
from .tables.options import ReadingArguments


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "HOLD_OUT_PERCENTAGE",
    "SPLITS",
    "UNLABELLED_SPLIT",
    "SourceArguments",
    "column_texts",
    "comma_separated",
    "leading_split",
    "read_splits",
    "require_column",
    "text_cells",
    "training_column",
]

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
# The share of the training rows that commands hold out for validation, where nothing else is said.
HOLD_OUT_PERCENTAGE = 10
# The arguments that name columns of a file.
COLUMN_ARGUMENTS = ("text_column_names", "text_column_name", "label_column_name")
# A column that tells the rows of training from others, and what it holds.
SPLIT_COLUMNS = frozenset(
    ("split", "splits", "set", "fold", "subset", "partition", "conjunto", "particao", "partição")
)
SPLIT_VALUES = frozenset(
    ("train", "training", "test", "testing", "valid", "validation", "val", "dev", "treino", "teste")
)
# Rows that a model is trained on besides, by what another model says of them.
UNLABELLED_SPLIT = "unlabelled"
_FILES = (
    f"File of rows ({', '.join(FILE_TYPES)}, .txt, also compressed; of tagged sentences also "
    f"{', '.join(TAGGED_FILE_TYPES)}; ${{HF_RNN_CORPORA}} and other variables may be used), or several: a pattern "
    "such as 'part*.csv', a folder, or names between commas. "
)


@dataclass
class SourceArguments(ReadingArguments):
    """The rows to read, and how to split them."""

    # Whether there must be a training split, whose columns and labels are those of the others.
    wants_training: ClassVar[bool] = True
    # Whether a folder with a folder of texts for each class is read as labelled texts.
    reads_class_folders: ClassVar[bool] = False

    dataset_name: str | None = field(
        default=None,
        metadata={
            "help": "Read this dataset of the Hub, or this local folder that `load_dataset` reads. Default: "
            "none; `train_file` is read."
        },
    )
    dataset_config_name: str | None = field(
        default=None, metadata={"help": "Configuration of `dataset_name`. Default: its only one."}
    )
    train_file: str | None = field(
        default=None, metadata={"help": f"{_FILES}It is the training split. Default: none."}
    )
    validation_file: str | None = field(
        default=None, metadata={"help": f"{_FILES}It is the validation split. Default: none."}
    )
    test_file: str | None = field(default=None, metadata={"help": f"{_FILES}It is the test split. Default: none."})
    validation_split_percentage: float | None = field(
        default=None,
        metadata={"help": "Hold this share of the training rows out for validation (0 to 100). Default: none."},
    )
    validation_split_size: int | None = field(
        default=None,
        metadata={"help": "Hold this many of the training rows out for validation. Default: none."},
    )
    test_split_percentage: float | None = field(
        default=None,
        metadata={"help": "Hold this share of the training rows out as the test split (0 to 100). Default: none."},
    )
    hold_out_percentage: float = field(
        default=0.0,
        metadata={
            "help": "Hold this share of the training rows out for validation (0 to 100), the same share of "
            "each label, where there is no validation split and no other flag asks for one. "
            "Default: 0.0; with `hf-rnn train` 10."
        },
    )
    max_train_samples: int | None = field(
        default=None,
        metadata={"help": "Train on a random sample of this many rows, drawn with `split_seed`. Default: all rows."},
    )
    max_eval_samples: int | None = field(
        default=None,
        metadata={
            "help": "Validate on a random sample of this many rows, drawn with `split_seed`. Default: all rows."
        },
    )
    max_predict_samples: int | None = field(
        default=None,
        metadata={"help": "Test on a random sample of this many rows, drawn with `split_seed`. Default: all rows."},
    )
    hold_out_by: Literal["text", "random"] = field(
        default="text",
        metadata={
            "help": "Way to hold rows out: text keeps rows with equal texts on one side, and pairs with a "
            "text in common, and takes the same share of each label; random shuffles the rows."
        },
    )
    split_seed: int = field(default=42, metadata={"help": "Seed of the draw of rows that are held out."})
    empty_rows: Literal["drop", "refuse"] = field(
        default="drop",
        metadata={
            "help": "Treatment of rows without a text or without a label: drop leaves them out and counts "
            "them, refuse ends with an error that names the first."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        files = {name: getattr(self, name) for name in ("train_file", "validation_file", "test_file")}
        given = [name for name, path in files.items() if path is not None]
        if self.dataset_name is not None and given:
            raise ValueError(f"`dataset_name`={self.dataset_name!r} and `{given[0]}` were both given; give one.")
        if self.wants_training and self.dataset_name is None and self.train_file is None:
            raise ValueError("Give `dataset_name` (a dataset of the Hub or a folder) or `train_file`.")
        if self.empty_rows not in ("drop", "refuse"):
            raise ValueError(f"`empty_rows`={self.empty_rows!r} must be 'drop' or 'refuse'.")
        if self.hold_out_by not in ("text", "random"):
            raise ValueError(f"`hold_out_by`={self.hold_out_by!r} must be 'text' or 'random'.")
        for name in ("validation_split_percentage", "test_split_percentage"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 100:
                raise ValueError(f"`{name}`={value!r} must be more than 0 and less than 100.")
        if (self.validation_split_percentage or 0) + (self.test_split_percentage or 0) >= 100:
            raise ValueError(
                f"`validation_split_percentage`={self.validation_split_percentage!r} and `test_split_percentage`="
                f"{self.test_split_percentage!r} must sum to less than 100: nothing would be left to train on."
            )
        if not 0 <= self.hold_out_percentage < 100:
            raise ValueError(f"`hold_out_percentage`={self.hold_out_percentage!r} must be from 0 to less than 100.")
        for name in ("validation_split_size", "max_train_samples", "max_eval_samples", "max_predict_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}`={value!r} must be at least 1.")
        if self.validation_split_percentage is not None and self.validation_split_size is not None:
            raise ValueError("`validation_split_percentage` and `validation_split_size` were both given; give one.")


def read_splits(arguments: SourceArguments, read_file: Callable[[str], Dataset]) -> dict[str, Dataset]:
    """The rows of ``train`` and, where there are any, ``validation`` and ``test``, as they were published; with the
    parts of lists of objects that `arguments` name as columns (see `object_lists`).

    Args:
        arguments: What to read.
        read_file: Reads one of the files that `arguments` name.

    Raises:
        FileNotFoundError, ValueError: of `read_file`; or the data set has no ``train``, or an empty split, or the
            files of one split have different columns.
    """
    given = {name: getattr(arguments, name, None) or "" for name in COLUMN_ARGUMENTS}
    names = {part.strip(): argument for argument, value in given.items() for part in value.split(",") if "." in part}
    read = _read_splits(arguments, read_file)
    return {split: with_named_parts(rows, names) for split, rows in read.items()} if names else read


def _read_splits(arguments: SourceArguments, read_file: Callable[[str], Dataset]) -> dict[str, Dataset]:
    if arguments.reads_class_folders and arguments.dataset_name is not None:
        read = _split_folders(expand_path(arguments.dataset_name), arguments)
        if read:
            return read
    if arguments.dataset_name is None:
        paths = {split: getattr(arguments, f"{split}_file") for split in SPLITS}
        read = {
            split: _class_folders(path, arguments) or _read_files(path, read_file)
            for split, path in paths.items()
            if path is not None
        }
        if "train" in read:
            _say_column_of_splits(read["train"])
        return read

    from datasets import load_dataset

    name = arguments.dataset_name
    loaded = load_dataset(str(expand_path(name)) if "$" in name else name, arguments.dataset_config_name)
    if arguments.wants_training and "train" not in loaded:
        raise ValueError(f"`dataset_name`={name!r} has no split named 'train'; it has {', '.join(loaded)}.")
    unused = [split for split in loaded if split not in SPLITS]
    if unused:
        logger.warning("The splits %s of %s are not used; only %s are.", ", ".join(unused), name, ", ".join(SPLITS))
    splits = {split: loaded[split] for split in SPLITS if split in loaded}
    for split, rows in splits.items():
        if len(rows) == 0:
            raise ValueError(f"The {split} split of `dataset_name`={name!r} has no rows.")
    return splits


def _split_folders(folder: Path, arguments: SourceArguments) -> dict[str, Dataset]:
    """The splits of a folder that has one for each split, with folders of classes in it; or its folders of classes as
    the only split; {} where there are none.
    """
    found = find_split_folders(folder)
    if not found and (classes := find_class_folders(folder)) is not None:
        found = {"train": classes}
    return {split: _rows_of(found[split], arguments) for split in SPLITS if split in found}


def _class_folders(path: str, arguments: SourceArguments) -> Dataset | None:
    """The rows of a folder with a folder for each class; None where `path` is something else."""
    found = find_class_folders(expand_path(path)) if arguments.reads_class_folders else None
    return None if found is None else _rows_of(found, arguments)


def _rows_of(found: ClassFolders, arguments: SourceArguments) -> Dataset:
    from datasets import Dataset

    found.say()
    texts, labels, places = zip(*found.texts(arguments), strict=True)
    return Dataset.from_dict({"text": texts, "label": labels, PLACE_COLUMN: places})


def _say_column_of_splits(rows: Dataset) -> None:
    """Say of a column that tells the rows of training from those of test that it is not read."""
    for name in getattr(rows, "column_names", ()):
        if name.casefold() in SPLIT_COLUMNS and isinstance(rows[0][name], str):
            values = {str(value).strip().casefold() for value in rows.unique(name)}
            if len(values) > 1 and values <= SPLIT_VALUES:
                logger.warning(
                    "Column %r marks rows as %s, and is not read: all of them are trained on. Write each part to a "
                    "file of its own (--train_file, --validation_file, --test_file).",
                    name,
                    ", ".join(sorted(values)),
                )


def _read_files(path: str, read_file: Callable[[str], Dataset]) -> Dataset:
    """The rows of all files that `path` names, one after the other."""
    from datasets import concatenate_datasets

    names = files_of(path)
    parts = [read_file(name) for name in names]
    if len(parts) == 1:
        return parts[0]
    for name, rows in zip(names, parts, strict=True):
        if data_columns(rows) != data_columns(parts[0]):
            raise ValueError(
                f"The files {names[0]!r} and {name!r} are of one split and have different columns: "
                f"{', '.join(data_columns(parts[0]))}; {', '.join(data_columns(rows))}."
            )
    logger.warning("%s: %d files, %d rows.", path, len(parts), sum(map(len, parts)))
    try:
        return concatenate_datasets(_of_one_type(parts))
    except (ValueError, TypeError) as error:
        raise ValueError(f"The files of {path!r} have columns of different types: {error}") from error


def _of_one_type(parts: list[Dataset]) -> list[Dataset]:
    """The same rows with columns of types that hold the values of all: other programs write texts with offsets of 64
    bits, numbers of 32 bits, or whole numbers where another file has fractions.

    Raises:
        TypeError: there is no such type, as for numbers and texts.
    """
    import pyarrow
    from datasets import Features

    if all(rows.features == parts[0].features for rows in parts):
        return parts
    schema = pyarrow.unify_schemas([rows.features.arrow_schema for rows in parts], promote_options="permissive")
    features = Features.from_arrow_schema(schema)
    return [rows.cast(features) if rows.features != features else rows for rows in parts]


def leading_split(splits: Mapping[str, Any]) -> str:
    """The split whose columns and labels are those of the others: ``train``, or the first where it is not read."""
    return "train" if "train" in splits else next(iter(splits))


def require_column(column: str, argument: str, split: str, rows: Dataset) -> None:
    """Raise a ValueError that names `argument` unless `rows` have a column of the name `column`."""
    if column not in rows.column_names:
        raise ValueError(
            f"`{argument}`: there is no column {column!r} in the {split} split; its columns are "
            f"{described_columns(rows)}."
        )


def column_texts(rows: Dataset, column: str, argument: str, split: str) -> list[str]:
    """The texts of `column`; a ValueError that names `argument`, or the row that has none."""
    require_column(column, argument, split, rows)
    values = list(rows[column])
    for row, value in enumerate(values):
        if not isinstance(value, str):
            problem = "no text (null)" if value is None else f"{value!r}, which is no text,"
            raise ValueError(f"Column `{column}` of the {split} split has {problem} in {place_of_row(rows, row)}.")
    return values


def text_cells(rows: Dataset, column: str, argument: str, split: str) -> list[str | None]:
    """The cells of a column of texts, of which some may be empty.

    Raises:
        ValueError: the column is not there, or a cell holds something else than a text; its place is named.
    """
    require_column(column, argument, split, rows)
    cells = list(rows[column])
    for row, cell in enumerate(cells):
        if not isinstance(cell, str) and not is_empty(cell):
            raise ValueError(
                f"Column `{column}` of the {split} split has {cell!r}, which is no text, in "
                f"{place_of_row(rows, row)}. Another `{argument}` may hold the texts"
                f"{parts_in_lists({column: cells[row : row + 1]})}."
            )
    return cells


def training_column(splits: Mapping[str, Dataset], column: str) -> list[Any]:
    """The values of `column` in all rows that are trained on: those of ``train``, then any unlabelled ones."""
    return [value for name in ("train", UNLABELLED_SPLIT) if name in splits for value in splits[name][column][:]]


def comma_separated(value: str | None, argument: str) -> list[str] | None:
    """The names in `value`, without the white space around them; a ValueError where one is empty or comes twice."""
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if not all(names) or len(set(names)) != len(names):
        raise ValueError(f"`{argument}`={value!r} must be different, non-empty names separated by commas.")
    return names
