"""Read one csv, tsv, json, jsonl or parquet file of rows into a ``datasets.Dataset`` held in memory.

The files are read with pyarrow and ``json`` rather than ``datasets.load_dataset``, whose csv reader turns the texts
"NA" and "None" into nulls, and which keeps a copy of every file it has read in the user's cache.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["FILE_TYPES", "TAGGED_FILE_TYPES", "existing_file", "expand_path", "read_rows"]

FILE_TYPES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
# One token a line, its tag beside it: `hf_rnn.data.readers.conll` reads these.
TAGGED_FILE_TYPES = (".conll", ".txt", ".iob", ".bio")
CORPORA_VARIABLE = "HF_RNN_CORPORA"
DEFAULT_CORPORA = os.path.join("..", "shared", "data")
# pyarrow refuses a csv row that is longer than a block, so the whole file is one block, up to what it can take.
LARGEST_BLOCK = 2**31 - 1


def expand_path(path: str) -> Path:
    """`path` with ``~`` and environment variables such as ``${HF_RNN_CORPORA}`` replaced.

    ``HF_RNN_CORPORA`` is ``../shared/data``, relative to the current directory, where it is not set.

    Raises:
        ValueError: a ``${VARIABLE}`` in it is not set.
    """
    default = os.environ.get(CORPORA_VARIABLE, DEFAULT_CORPORA)
    # A function, not a string, as replacement: a Windows path has backslashes, which `re` would interpret.
    replaced = re.sub(rf"\$\{{{CORPORA_VARIABLE}\}}|\${CORPORA_VARIABLE}\b", lambda _: default, path)
    expanded = os.path.expandvars(os.path.expanduser(replaced))
    missing = re.search(r"\$\{(\w+)\}", expanded)
    if missing:
        raise ValueError(f"The path {path!r} uses the environment variable {missing.group(1)!r}, which is not set.")
    return Path(expanded)


def existing_file(path: str) -> Path:
    """The file `path`, expanded.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, or as `expand_path`.
    """
    file = expand_path(path)
    if not file.is_file():
        raise FileNotFoundError(f"The file {path!r} does not exist (looked for {str(file.absolute())!r}).")
    if file.stat().st_size == 0:
        raise ValueError(f"The file {path!r} is empty.")
    return file


def read_rows(path: str, *, typed_columns: Collection[str] = ()) -> Dataset:
    """All rows of a file, in their order.

    Args:
        path: A file whose name ends in one of `FILE_TYPES`; see `expand_path`. Text is UTF-8. A json file holds a list
            of objects, or one object a line as jsonl does; csv and tsv files begin with a line of column names.
        typed_columns: The csv and tsv columns whose type is found from their values (int, float, bool, string). The
            others stay text exactly as written ("007", "NA"). An empty cell is null, a quoted empty one ``""``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: unknown extension, no rows, malformed content, or a column name that is given twice.
    """
    from datasets import Dataset
    from datasets.table import InMemoryTable

    extension = expand_path(path).suffix.lower()
    if extension not in FILE_TYPES:
        raise ValueError(
            f"The file {path!r} has the extension {extension!r}; it must be one of {FILE_TYPES}, or where tagged "
            f"sentences are read one of {TAGGED_FILE_TYPES}."
        )
    file = existing_file(path)
    try:
        if extension == ".parquet":
            table = _read_parquet(file)
        elif extension in (".csv", ".tsv"):
            table = _read_delimited(file, "\t" if extension == ".tsv" else ",", typed_columns)
        else:
            table = _rows_to_table(_json_rows(file))
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"The file {path!r} is not a readable {extension[1:]} file: {error}") from error
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        raise ValueError(f"The file {path!r} has more than one column named {', '.join(map(repr, repeated))}.")
    if table.num_rows == 0:
        raise ValueError(f"The file {path!r} has no rows (columns: {', '.join(table.column_names)}).")
    return Dataset(InMemoryTable(table))


def _read_parquet(file: Path) -> pa.Table:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(file)


def _read_delimited(file: Path, delimiter: str, typed_columns: Collection[str]) -> pa.Table:
    import pyarrow.csv

    with file.open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream, delimiter=delimiter), [])
    return pyarrow.csv.read_csv(
        file,
        # Row numbers in the errors need a single thread.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=min(file.stat().st_size + 1, LARGEST_BLOCK)
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in header if name not in typed_columns},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _json_rows(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8-sig")
    if text.lstrip().startswith("["):
        rows = _parse_json(text, file, line=None)
        places = [f"item {index}" for index in range(len(rows))]
    else:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        rows = [_parse_json(line, file, number) for number, line in lines]
        places = [f"line {number}" for number, _ in lines]
    for place, row in zip(places, rows, strict=True):
        if not isinstance(row, dict):
            raise ValueError(f"The file {str(file)!r}, {place}: expected an object with the columns, found {row!r}.")
    return rows


def _parse_json(text: str, file: Path, line: int | None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno if line is None else line}"
        raise ValueError(
            f"The file {str(file)!r}, {place}: not valid JSON ({error.msg}). "
            "It must hold a list of objects, or one object a line."
        ) from error


def _rows_to_table(rows: list[dict[str, Any]]) -> pa.Table:
    # All keys of all rows, in order of appearance: pyarrow itself takes the columns of the first row only.
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})
