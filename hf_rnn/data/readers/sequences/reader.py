"""Sources and targets: rows with a text that is read and one that is to be written, or two files whose lines go
together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..cells import says_nothing
from ..empty_rows import without_empty_rows
from ..files import existing_file, read_rows
from ..hold_out import hold_out_and_sample
from ..places import PLACE_COLUMN
from ..sources import SPLITS, SourceArguments, leading_split, read_splits, text_cells
from ..tables.opening import open_file
from ..tables.sources import extension_of
from .columns import find_sequence_columns


if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

__all__ = ["SequenceData", "SequenceDataArguments", "load_sequences"]

# What a row has; columns of the lines of two files are called so, too.
KINDS = ("source", "target")


@dataclass
class SequenceDataArguments(SourceArguments):
    """The sources and targets to read."""

    source_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the texts that are read. Default: found by its name (source, en, article, input "
            "...), or the first of the only two columns of texts."
        },
    )
    target_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the texts that are to be written. Default: found by its name (target, de, summary, "
            "output ...), or the second of the only two columns of texts."
        },
    )
    train_target_file: str | None = field(
        default=None,
        metadata={
            "help": "Text file with the target of each line of `train_file`, which is then a text file, too. Default: "
            "none; `train_file` has both."
        },
    )
    validation_target_file: str | None = field(
        default=None, metadata={"help": "Text file with the target of each line of `validation_file`. Default: none."}
    )
    test_target_file: str | None = field(
        default=None, metadata={"help": "Text file with the target of each line of `test_file`. Default: none."}
    )
    source_prefix: str | None = field(
        default=None,
        metadata={
            "help": "Put this text before each source, as models such as T5 want, for example "
            "'translate English to German: '. The trained model keeps it, and its pipeline puts it there again. "
            "Default: that of the checkpoint, if it has one; an empty text for none."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for split in SPLITS:
            target, source = getattr(self, f"{split}_target_file"), getattr(self, f"{split}_file")
            if target is None:
                continue
            if source is None:
                raise ValueError(
                    f"`{split}_target_file`={target!r} needs `{split}_file`, the text file with its sources."
                )
            if self.source_column is not None or self.target_column is not None:
                raise ValueError(
                    f"`{split}_target_file`={target!r} and a column were both given; lines of text files have none."
                )


@dataclass(frozen=True)
class SequenceData:
    """Sources and targets ready to be tokenized.

    Attributes:
        splits: ``train`` and, where there are any, ``validation`` and ``test``, with exactly the columns ``text``
            (what is read, with the prefix) and ``text_b`` (what is to be written).
        dataset_name: The Hub id, or the training file as it was given.
        columns: What the two are called; of lines the endings of the files' names, such as en and de.
    """

    splits: DatasetDict
    dataset_name: str
    columns: tuple[str, str]


def load_sequences(arguments: SequenceDataArguments) -> SequenceData:
    """Read, check and split sources and targets.

    Objects in a row, such as the ``translation`` of data sets of the Hub, are columns with dotted names. Rows without
    a source or a target are left out, as `empty_rows` says. How rows are held out and sampled:
    `hf_rnn.data.readers.hold_out.hold_out_and_sample`; rows with a text in common stay on one side.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: an unknown extension or malformed file, a missing column, files of unequal numbers of lines, an
            empty split, or one that is both given and to be held out.
    """
    from datasets import DatasetDict

    aligned = {
        split: (getattr(arguments, f"{split}_file"), getattr(arguments, f"{split}_target_file"))
        for split in SPLITS
        if getattr(arguments, f"{split}_target_file") is not None
    }
    read = read_splits(arguments, lambda path: _read(path, arguments, {source for source, _ in aligned.values()}))
    rows = {split: each.flatten() for split, each in read.items()}
    tables = {split: each for split, each in rows.items() if split not in aligned}
    if tables:
        leading = leading_split(tables)
        columns = find_sequence_columns(arguments.source_column, arguments.target_column, tables[leading], leading)
    else:
        source, target = next(iter(aligned.values()))
        # The language of train.en.gz is en.
        columns = extension_of(source).removeprefix("."), extension_of(target).removeprefix(".")
    splits = {}
    for split, each in rows.items():
        if split in aligned:
            splits[split] = _pairs(_beside(each, *aligned[split], split, arguments), KINDS, arguments, split)
        else:
            splits[split] = _pairs(each, columns, arguments, split)
    return SequenceData(
        DatasetDict(hold_out_and_sample(splits, arguments)),
        arguments.dataset_name or str(arguments.train_file or arguments.test_file),
        columns,
    )


def _read(path: str, arguments: SequenceDataArguments, lined: Collection[str]) -> Dataset:
    from datasets import Dataset

    if path not in lined:
        return read_rows(path, arguments)
    lines = _lines(path, arguments)
    return Dataset.from_dict({KINDS[0]: lines, PLACE_COLUMN: [_place(path, row) for row in range(len(lines))]})


def _lines(path: str, arguments: SequenceDataArguments) -> list[str]:
    """The lines of a text file, without their ends: LF, CRLF or CR. Other characters that end a line by Unicode stay:
    they would put the lines of one file beside others of the second.
    """
    with open_file(existing_file(path), path, arguments, is_text=True).text(newline=None) as stream:
        lines = stream.read().split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _beside(
    sources: Dataset, source_file: str, target_file: str, split: str, arguments: SequenceDataArguments
) -> Dataset:
    """The sources with the lines of `target_file` beside them."""
    targets = _lines(target_file, arguments)
    if len(targets) != len(sources):
        raise ValueError(
            f"`{split}_target_file`={target_file!r} has {len(targets):,} lines, and `{split}_file`={source_file!r} "
            f"has {len(sources):,}; line by line they must go together."
        )
    return sources.add_column(KINDS[1], targets)


def _place(path: str, row: int) -> str:
    return f"line {row + 1} of {path}"


def _pairs(rows: Dataset, columns: tuple[str, str], arguments: SequenceDataArguments, split: str) -> Dataset:
    from datasets import Dataset, Features, Value

    cells = [text_cells(rows, name, f"{kind}_column", split) for name, kind in zip(columns, KINDS, strict=True)]
    lacking = [_lacks(pair) for pair in zip(*cells, strict=True)]
    kept = without_empty_rows(rows, split, lacking, arguments.empty_rows)
    source, target = (list(kept[name][:]) for name in columns)
    prefix = arguments.source_prefix or ""
    features = Features({"text": Value("string"), "text_b": Value("string")})
    return Dataset.from_dict({"text": [prefix + text for text in source], "text_b": target}, features=features)


def _lacks(pair: tuple[str | None, ...]) -> str | None:
    """What a row lacks: "source" or "target"; None: nothing."""
    return next((kind for kind, text in zip(KINDS, pair, strict=True) if says_nothing(text)), None)
