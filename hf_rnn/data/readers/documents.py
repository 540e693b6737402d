"""Text for language models: documents in rows of a file or of the Hub, or one long text in a plain file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .cells import says_nothing
from .columns import described_columns, sample_columns, text_columns
from .empty_rows import without_empty_rows
from .files import existing_file, read_rows
from .hold_out import hold_out_and_sample, holds_out_by_default
from .places import PLACE_COLUMN
from .sources import SPLITS, SourceArguments, leading_split, read_splits, text_cells
from .tables.opening import open_file
from .tables.options import ReadingArguments


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["LanguageData", "LanguageDataArguments", "load_language_data"]

logger = logging.getLogger(__name__)

COLUMN = "text"


@dataclass
class LanguageDataArguments(SourceArguments):
    """The texts to read, and how to split them. The end of a .txt file, one long text, is held out."""

    text_column_name: str | None = field(
        default=None,
        metadata={
            "help": "Column of the texts, where there are rows. Default: text, or else one with a usual name, or the "
            "only one of long texts; said where it is not text."
        },
    )
    unlabelled_file: str | None = field(
        default=None,
        metadata={
            "help": "File of more texts to train on, with the same column, such as reviews without a label. "
            "Default: none."
        },
    )
    reverse_text: bool = field(
        default=False, metadata={"help": "Read from the last token to the first, for a model that reads backwards."}
    )


@dataclass(frozen=True)
class LanguageData:
    """Texts, ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``: the documents of each, in order. A
            plain text file is one document.
        dataset_name: The Hub id, or the training file as it was given.
    """

    splits: dict[str, list[str]]
    dataset_name: str

    @property
    def one_text(self) -> bool:
        """Whether the training split is one long text rather than documents."""
        return len(self.splits["train"]) == 1


def load_language_data(arguments: LanguageDataArguments) -> LanguageData:
    """Read, check and split texts.

    Of one long text the last characters are held out: those of the test split at its very end, those of the validation
    split before them. Documents are held out as `hf_rnn.data.readers.hold_out.hold_out_and_sample` says.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, a cell that is no text, a split that is
            both given and to be held out, or rows that are asked for where there is one text.
    """
    from datasets import Dataset

    raw = read_splits(arguments, lambda path: _read(path, arguments))
    leading = leading_split(raw)
    column = arguments.text_column_name or _text_column(raw[leading], leading)
    texts = {split: _texts(rows, column, split, arguments) for split, rows in raw.items()}
    if len(texts["train"]) == 1:
        splits = _cut(texts, arguments)
    else:
        rows = {split: Dataset.from_dict({COLUMN: documents}) for split, documents in texts.items()}
        splits = {split: list(held[COLUMN][:]) for split, held in hold_out_and_sample(rows, arguments).items()}
    if arguments.unlabelled_file is not None:
        unlabelled = _read(arguments.unlabelled_file, arguments)
        splits["train"] = [*splits["train"], *_texts(unlabelled, column, "unlabelled", arguments)]
    return LanguageData(splits, arguments.dataset_name or str(arguments.train_file))


def _text_column(rows: Dataset, split: str) -> str:
    """The column of the texts, by its name or by what it holds."""
    if COLUMN in rows.column_names:
        return COLUMN
    found = text_columns(sample_columns(rows)).certain
    if found is None:
        raise ValueError(
            f"Give `text_column_name`: in the {split} split no column is certain to be the texts; its columns are "
            f"{described_columns(rows)}."
        )
    logger.warning("Texts are read from %r (--text_column_name names another).", found)
    return found


def _texts(rows: Dataset, column: str, split: str, arguments: LanguageDataArguments) -> list[str]:
    """The documents of a split, without those that are empty."""
    cells = text_cells(rows, column, "text_column_name", split)
    lacking = ["text" if says_nothing(cell) else None for cell in cells]
    return list(without_empty_rows(rows, split, lacking, arguments.empty_rows)[column][:])


def _read(path: str, options: ReadingArguments) -> Dataset:
    """The documents of a file: its rows, or one, the whole text of a plain file."""
    from datasets import Dataset

    opened = open_file(existing_file(path), path, options, is_text=True)
    if opened.kind != "text":
        return read_rows(path, options)
    # Lines end as everywhere else, also where Windows or an old Macintosh wrote them.
    with opened.text(newline=None) as stream:
        text = stream.read()
    if not text:
        raise ValueError(f"The file {path!r} is empty but for a byte order mark.")
    return Dataset.from_dict({COLUMN: [text], PLACE_COLUMN: [opened.source.name]})


def _cut(texts: dict[str, list[str]], arguments: LanguageDataArguments) -> dict[str, list[str]]:
    for name in ("validation_split_size", "max_train_samples", "max_eval_samples", "max_predict_samples"):
        if getattr(arguments, name) is not None:
            raise ValueError(
                f"`{name}`={getattr(arguments, name)} counts rows, and the training split is one text; it must be "
                "absent. `validation_split_percentage` and `test_split_percentage` are shares of its characters."
            )
    text = texts["train"][0]
    shares = {split: getattr(arguments, f"{split}_split_percentage") for split in ("validation", "test")}
    if holds_out_by_default(texts, arguments):
        shares["validation"] = arguments.hold_out_percentage
        logger.warning(
            "There is no validation split: the last %g %% of the text are held out.", arguments.hold_out_percentage
        )
    sizes = {}
    for split, share in shares.items():
        if share is not None and split in texts:
            raise ValueError(f"A {split} split was given and another is to be held out (`{split}_split_percentage`).")
        sizes[split] = round(len(text) * (share or 0) / 100)
    test_start = len(text) - sizes["test"]
    train_end = test_start - sizes["validation"]
    held = {"train": text[:train_end], "validation": text[train_end:test_start], "test": text[test_start:]}
    merged = texts | {split: [part] for split, part in held.items() if part}
    return {split: merged[split] for split in SPLITS if split in merged}
