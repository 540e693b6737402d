"""Rows of any file, one after the other, so that a file of any length is read in constant memory.

A row that cannot be read is given as a [`BadRow`] that says why, in its place: what is counted stays in step with the
file, and one bad row ends nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .files import FILE_TYPES, LARGEST_BLOCK, existing_file, expand_path
from .tagged.column_file import column_tokens


__all__ = ["STANDARD_INPUT", "BadRow", "RowStream", "open_rows"]

STANDARD_INPUT = "-"
COLUMN_FILE_TYPES = (".conll", ".iob", ".bio")
PLAIN_FILE_TYPE = ".txt"
# The column of what has no names: a line of text, the tokens of a sentence in columns.
TEXT_COLUMN, TOKEN_COLUMN = "text", "tokens"
BATCH = 1000
HEAD_BYTES = 2**20


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, and the `problem` with it, in words."""

    problem: str


Row = Mapping[str, Any] | BadRow


@dataclass(frozen=True)
class RowStream:
    """The rows of a file, of a dataset or of standard input.

    Attributes:
        name: What the user called it.
        rows: Reads them from the first one on; each is a mapping of its columns, or a [`BadRow`].
        size: Bytes, of which nearly all are those of the texts; None where nobody knows.
        identity: By what it is known again, as JSON holds it; None for standard input, which is read only once.
        count: Counts the rows, which takes a pass over a file of text; None for standard input.
        is_plain: Whether a row is a line of text, without columns.
    """

    name: str
    rows: Callable[[], Iterator[Row]]
    size: int | None = None
    identity: Mapping[str, Any] | None = None
    count: Callable[[], int] | None = None
    is_plain: bool = False


def open_rows(data: str, split: str | None = None) -> RowStream:
    """The rows of `data`, which is found out to be what it is, and not read yet.

    Args:
        data: A file: csv and tsv with a line of column names; json (a list of objects, which is read as a whole, or
            one object a line), jsonl, parquet; txt, a text a line, in the column ``text``; conll, iob and bio, of
            which the first column is the column ``tokens``. Or ``-``, standard input, a text a line. Or a dataset of
            the Hub, or a folder that `datasets.load_dataset` reads.
        split: Of a dataset. Default: its only one, or else ``test``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty or is not of its kind, a dataset cannot be read or has no such split, or `split`
            is given for a file.
    """
    if data != STANDARD_INPUT:
        path = expand_path(data)
        kinds = (*FILE_TYPES, *COLUMN_FILE_TYPES, PLAIN_FILE_TYPE)
        if not path.is_file() and path.suffix.lower() not in kinds:
            return _of_dataset(data, split)
    if split is not None:
        raise ValueError(f"`split`={split!r} is that of a dataset, and {data!r} is none; leave it out.")
    if data == STANDARD_INPUT:
        return RowStream(data, lambda: _texts(_lenient(sys.stdin.buffer)), is_plain=True)
    return _of_file(data, existing_file(data))


def _of_file(data: str, file: Path) -> RowStream:
    kind = file.suffix.lower()
    readers: dict[str, Callable[[], Iterator[Row]]] = {
        ".csv": lambda: _delimited(data, file, ","),
        ".tsv": lambda: _delimited(data, file, "\t"),
        ".parquet": lambda: _parquet(file),
        PLAIN_FILE_TYPE: lambda: _texts(_open(file)),
        **dict.fromkeys(COLUMN_FILE_TYPES, lambda: _sentences(_open(file))),
    }
    if kind not in (known := (*FILE_TYPES, PLAIN_FILE_TYPE, *COLUMN_FILE_TYPES)):
        raise ValueError(f"The file {data!r} has the extension {kind!r}; it must be one of {', '.join(known)}.")
    read = _json_reader(data, file) if kind in (".json", ".jsonl") else readers[kind]

    def count() -> int:
        return int(_parquet_file(file).metadata.num_rows) if kind == ".parquet" else sum(1 for _ in read())

    is_plain = kind == PLAIN_FILE_TYPE
    return RowStream(data, read, file.stat().st_size, _identity(file), count, is_plain)


def _json_reader(data: str, file: Path) -> Callable[[], Iterator[Row]]:
    with _open(file) as stream:
        is_list = stream.read(HEAD_BYTES).lstrip().startswith("[")
    if is_list and file.suffix.lower() == ".json":
        return lambda: _json_list(data, file)
    if isinstance(first := next(_json_lines(file), None), BadRow):
        raise ValueError(f"The file {data!r} holds no rows of JSON: the first {first.problem}.")
    return lambda: _json_lines(file)


def _of_dataset(data: str, split: str | None) -> RowStream:
    from datasets import load_dataset
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        loaded = load_dataset(str(expand_path(data)))
    except (OSError, HFValidationError, HfHubHTTPError) as error:
        raise ValueError(
            f"`data`={data!r} is no file that can be read, nor a dataset that can be loaded: {error}"
        ) from error
    chosen = split or (next(iter(loaded)) if len(loaded) == 1 else "test")
    if chosen not in loaded:
        raise ValueError(f"`split`={split!r}: {data!r} has the splits {', '.join(loaded)}; name one of them.")
    rows = loaded[chosen]

    def read() -> Iterator[Row]:
        for columns in rows.iter(BATCH):
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, values, strict=True))

    identity = {"dataset": data, "split": chosen, "fingerprint": rows._fingerprint, "rows": len(rows)}
    return RowStream(data, read, rows.data.nbytes, identity, lambda: len(rows))


def _identity(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        head = hashlib.sha256(stream.read(HEAD_BYTES)).hexdigest()
    state = file.stat()
    return {"name": file.name, "size": state.st_size, "modified_ns": state.st_mtime_ns, "sha256_of_head": head}


def _open(file: Path, newline: str | None = None) -> IO[str]:
    # A byte that is no UTF-8 is found in its row, by whoever reads the row, and does not end the file.
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def _lenient(stream: IO[bytes]) -> IO[str]:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape")


def _delimited(data: str, file: Path, delimiter: str) -> Iterator[Row]:
    # By default a cell has at most 131,072 characters, less than a book.
    csv.field_size_limit(LARGEST_BLOCK)
    with _open(file, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter)
        try:
            names = next(reader, [])
            if len(set(names)) != len(names):
                repeated = sorted({name for name in names if names.count(name) > 1})
                raise ValueError(f"The file {data!r} has more than one column named {', '.join(map(repr, repeated))}.")
            for cells in reader:
                if not cells:
                    yield BadRow("the row is empty")
                elif len(cells) != len(names):
                    yield BadRow(f"the row has {len(cells)} cells, and the header has {len(names)}")
                else:
                    yield dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise ValueError(f"The file {data!r}, line {reader.line_num}: {error}.") from error


def _json_lines(file: Path) -> Iterator[Row]:
    with _open(file) as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                yield _object(json.loads(line))
            except json.JSONDecodeError as error:
                yield BadRow(f"line is no JSON ({error.msg})")


def _json_list(data: str, file: Path) -> Iterator[Row]:
    try:
        with _open(file) as stream:
            rows = json.load(stream)
    except json.JSONDecodeError as error:
        raise ValueError(f"The file {data!r}, line {error.lineno}: not valid JSON ({error.msg}).") from error
    yield from map(_object, rows)


def _object(row: Any) -> Row:
    return row if isinstance(row, dict) else BadRow(f"row is {type(row).__name__}, and no object with columns")


def _parquet_file(file: Path) -> Any:
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(file)
    except pyarrow.ArrowException as error:
        raise ValueError(f"The file {str(file)!r} is not a readable parquet file: {error}") from error


def _parquet(file: Path) -> Iterator[Row]:
    for batch in _parquet_file(file).iter_batches(BATCH):
        yield from batch.to_pylist()


def _texts(stream: IO[str]) -> Iterator[Row]:
    with stream:
        for line in stream:
            yield {TEXT_COLUMN: line.rstrip("\n")}


def _sentences(stream: IO[str]) -> Iterator[Row]:
    """The tokens of each sentence, as training finds them."""
    with stream:
        for found in column_tokens(line.rstrip("\n") for line in stream):
            yield BadRow(str(found)) if isinstance(found, ValueError) else {TOKEN_COLUMN: found}
