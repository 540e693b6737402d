"""Labelled texts from the Hub or from files, with the flags of transformers' own classification examples."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from .columns import label_columns, sample_columns
from .empty_rows import without_empty_rows
from .files import read_rows
from .hold_out import hold_out_and_sample
from .label_forms import PROBLEM_TYPES, REGRESSION, SINGLE, LabelForm, vectors_form
from .labelled_columns import (
    LabelledColumns,
    find_labels,
    find_texts,
    has_labels,
    is_unlabelled,
    joined_texts,
    say_columns,
    with_one_label_column,
)
from .labels import EncodedLabels, encode_labels, label_form, labels_fit
from .sources import SourceArguments, comma_separated, leading_split, read_splits, require_column


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["DataArguments", "TextClassificationData", "load_text_classification", "load_texts"]

logger = logging.getLogger(__name__)


@dataclass
class DataArguments(SourceArguments):
    """The texts and labels to read."""

    # A trained model may only predict; `load_text_classification` asks for a training split where one is needed.
    wants_training: ClassVar[bool] = False
    reads_class_folders: ClassVar[bool] = True

    text_column_names: str | None = field(
        default=None,
        metadata={
            "help": "Column of the texts; several, separated by commas, are joined. Default: found by its "
            "name (text, review, sentence, texto ...), or the one column of long texts."
        },
    )
    text_column_delimiter: str = field(
        default=" ", metadata={"help": "Separator between several text columns that are joined."}
    )
    label_column_name: str | None = field(
        default=None,
        metadata={
            "help": "Column of the labels; several, separated by commas, say 0 or 1 of a label each, or hold "
            "a number each, which are learnt together. "
            "Default: found by its name (label, class, sentiment, rating, classe ...), or the one "
            "column of few different values."
        },
    )
    # The name is not `label_names`: TrainingArguments has a flag of that name, and the scripts parse both.
    class_names: str | None = field(
        default=None,
        metadata={
            "help": "Names, separated by commas, of integer labels (0 first), or the order of labels that "
            "are strings. Default: those of the data."
        },
    )
    label_delimiter: str | None = field(
        default=None,
        metadata={
            "help": "Separator of the labels of a text that may have several, such as the comma in 'a,b'. "
            "Default: none is looked for, but the one that the labels show."
        },
    )
    problem_type: str | None = field(
        default=None,
        metadata={
            "help": f"Kind of the labels: {', '.join(PROBLEM_TYPES)}. Default: regression for numbers with "
            "decimals, several labels for lists and joined names, else one class a text."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dataset_name is None and self.train_file is None and self.test_file is None:
            raise _no_training()
        if self.label_delimiter == "":
            raise ValueError("`label_delimiter` must not be empty.")
        if self.problem_type not in (None, *PROBLEM_TYPES):
            raise ValueError(f"`problem_type`={self.problem_type!r} must be one of {', '.join(PROBLEM_TYPES)}.")


@dataclass(frozen=True)
class TextClassificationData:
    """Texts and labels ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``text``
            (string) and ``label`` (ClassLabel; float32 multi-hot list; float32, or a list of several); a ``test``
            without labels with ``text`` alone.
        label_names: The classes in order of their ids; of several numbers their names; None for one number.
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
    keep_labels: bool = True,
    needs_training: bool = True,
    needs_test_labels: bool = True,
) -> TextClassificationData:
    """Read, check and split labelled texts.

    The label set is that of the training rows as they were read, before any are held out, sorted; see
    `hf_rnn.data.readers.labels.encode_labels` for what a label column may hold, and
    `hf_rnn.data.readers.hold_out.hold_out_and_sample` for how rows are held out and sampled. Rows without a text or
    without a label are left out, as `empty_rows` says.

    Args:
        arguments: What to read.
        problem_type: That of a trained model; `arguments.problem_type` comes first. None: what the labels show.
        label2id: A trained model's map, which then decides instead of the training rows.
        keep_labels: Whether a label that `label2id` lacks is an error; else the training rows decide where one lacks.
        needs_training: Whether there must be a training split.
        needs_test_labels: Whether the test split must have labels.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a cell that is no text, a label that is
            not in the label set, an empty split, or a split that is both given and to be held out.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    raw = read_splits(arguments, lambda path: read_rows(path, arguments))
    if needs_training:
        _require_training(arguments, raw)
    leading = leading_split(raw)
    texts = find_texts(arguments.text_column_names, raw[leading], leading, arguments.label_column_name)
    labels = None
    if needs_test_labels or leading != "test" or has_labels(arguments.label_column_name, raw["test"], texts, label2id):
        labels = find_labels(arguments.label_column_name, raw[leading], leading, texts.names)
        say_columns(texts, labels)
    unlabelled = None
    if not needs_test_labels and "test" in raw and (labels is None or is_unlabelled(raw["test"], labels)):
        logger.warning("The test split has no labels: its rows are predicted, and there are no figures of them.")
        unlabelled = raw.pop("test")
    asked = arguments.problem_type or problem_type
    encoded, raw = _encoded(arguments, raw, labels, texts, asked, label2id, keep_labels)
    features = Features({"text": Value("string"), "label": encoded.feature})
    splits = {}
    for split, rows in raw.items():
        columns = {"text": _texts(rows, texts, arguments, split), "label": encoded.labels[split]}
        splits[split] = Dataset.from_dict(columns, features=features)
    if unlabelled is not None:
        splits["test"] = _unlabelled(unlabelled, texts, arguments, "test")
    return TextClassificationData(
        splits=DatasetDict(hold_out_and_sample(splits, arguments)),
        label_names=encoded.label_names,
        problem_type=encoded.problem_type,
        dataset_name=arguments.dataset_name or str(arguments.train_file or arguments.test_file),
    )


def load_texts(arguments: DataArguments) -> list[str]:
    """The texts of the training split alone, held-out rows excluded; no label column is needed. Where there is one,
    the rows that are held out are those that a training would hold out, of each label the same share.

    Raises:
        FileNotFoundError, ValueError: as `load_text_classification`.
    """
    raw = read_splits(arguments, lambda path: read_rows(path, arguments))
    _require_training(arguments, raw)
    texts = find_texts(arguments.text_column_names, raw["train"], "train", arguments.label_column_name)
    asked = (arguments.validation_split_percentage, arguments.validation_split_size, arguments.test_split_percentage)
    if any(asked) or arguments.hold_out_percentage:
        sample = {name: values for name, values in sample_columns(raw["train"]).items() if name not in texts.names}
        if arguments.label_column_name is not None or label_columns(sample).certain is not None:
            return list(load_text_classification(arguments).splits["train"]["text"])
    splits = {split: _unlabelled(rows, texts, arguments, split) for split, rows in raw.items()}
    return list(hold_out_and_sample(splits, arguments)["train"]["text"])


def _encoded(
    arguments: DataArguments,
    raw: dict[str, Dataset],
    columns: LabelledColumns | None,
    texts: LabelledColumns,
    problem_type: str | None,
    label2id: dict[str, int] | None,
    keep_labels: bool,
) -> tuple[EncodedLabels, dict[str, Dataset]]:
    """The labels of every split, and the rows that have a text and a label.

    Args:
        columns: Of the labels; None: no split has any, and a trained model's are taken.
    """
    from datasets import Value

    names = comma_separated(arguments.class_names, "class_names")
    if columns is None or not raw:
        one_number = problem_type == REGRESSION and len(label2id or ()) < 2
        known = None if one_number else sorted(label2id or {}, key=(label2id or {}).__getitem__)
        return EncodedLabels({}, known, problem_type or SINGLE, Value("float32")), {}
    several = len(columns.names) > 1
    exclusive = several and problem_type == SINGLE
    column = ""
    for split, rows in raw.items():
        for name in columns.names:
            require_column(name, "label_column_name", split, rows)
        raw[split], column = with_one_label_column(rows, columns.names, split, exclusive)
    if several and not exclusive:
        names = names or columns.names
        form = vectors_form(raw[leading_split(raw)][column][:], len(columns.names), problem_type)
    else:
        form = label_form(
            raw,
            column,
            problem_type=problem_type,
            delimiter=arguments.label_delimiter,
            class_names=names,
            label2id=label2id,
        )
    for remark in form.remarks:
        logger.warning("Labels of column %r: %s.", column, remark)
    raw = {split: _filled(rows, column, texts, form, arguments, split) for split, rows in raw.items()}
    if not keep_labels and not labels_fit(raw, column, form, label2id, names):
        label2id = None
    return encode_labels(raw, column, form, label2id=label2id, class_names=names), raw


def _filled(
    rows: Dataset, column: str, texts: LabelledColumns, form: LabelForm, arguments: DataArguments, split: str
) -> Dataset:
    """The rows that have a text and a label."""
    found = joined_texts(rows, texts.names, arguments.text_column_delimiter, split)
    cells = list(rows[column])
    lacking = [
        "text" if text is None else "label" if form.lacks_label(cell) else None
        for text, cell in zip(found, cells, strict=True)
    ]
    return without_empty_rows(rows, split, lacking, arguments.empty_rows)


def _texts(rows: Dataset, texts: LabelledColumns, arguments: DataArguments, split: str) -> list[str]:
    """The texts of rows that have one each."""
    found = joined_texts(rows, texts.names, arguments.text_column_delimiter, split)
    return [text for text in found if text is not None]


def _unlabelled(rows: Dataset, texts: LabelledColumns, arguments: DataArguments, split: str) -> Dataset:
    """The column `text` of the rows that have one."""
    from datasets import Dataset

    found = joined_texts(rows, texts.names, arguments.text_column_delimiter, split)
    lacking = ["text" if text is None else None for text in found]
    filled = without_empty_rows(rows, split, lacking, arguments.empty_rows)
    return Dataset.from_dict({"text": _texts(filled, texts, arguments, split)})


def _require_training(arguments: DataArguments, splits: dict[str, Dataset]) -> None:
    if "train" in splits:
        return
    if arguments.dataset_name is None:
        raise _no_training()
    raise ValueError(
        f"`dataset_name`={arguments.dataset_name!r} has no split named 'train'; it has {', '.join(splits)}."
    )


def _no_training() -> ValueError:
    return ValueError("Give `dataset_name` (a dataset of the Hub or a folder) or `train_file`.")
