"""Rows of any file, one after the other, so that a file of any length is read in constant memory.

A row that cannot be read is given as a [`BadRow`] that says why, in its place: what is counted stays in step with the
file, and one bad row ends nothing.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from .files import check_names, expand_path, files_of, names_files, readable_file
from .sequences.columns import is_language
from .tables.class_folders import ClassFolders, find_class_folders
from .tables.columnar import open_columnar
from .tables.json_rows import flattened, open_json
from .tables.opening import COLUMNAR_EXTENSIONS, JSON_EXTENSIONS, OpenFile, find_text, open_file
from .tables.options import ReadingArguments, reading_flags
from .tables.rows import BadRow, read_batches
from .tables.sources import extension_of, find_source
from .tagged.inputs import LENIENT, sentences_of_columns, sentences_of_lines, sentences_of_token_rows
from .tagged.json_file import listed_inputs


__all__ = ["STANDARD_INPUT", "BadRow", "Row", "RowStream", "check_files", "open_rows"]

STANDARD_INPUT = "-"
COLUMN_FILE_TYPES = (".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes")
# The columns of what has no names: a line of text, and the folder of a text.
TEXT_COLUMN, LABEL_COLUMN = "text", "label"
BATCH = 1000
HEAD_BYTES = 2**20

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


def check_files(data: str) -> None:
    """Raise what `open_rows` would raise for files that are not there, or whose extension is that of no rows."""
    if data != STANDARD_INPUT and names_files(data):
        for name in files_of(data):
            _file(name)


def _file(name: str) -> Path:
    """The file of rows, of sentences, or one of lines that is called by their language, such as ``news.pt``."""
    ending = extension_of(name)
    lines = (ending,) if is_language(ending.removeprefix(".")) else ()
    return readable_file(name, (*COLUMN_FILE_TYPES, *lines))


def open_rows(
    data: str,
    split: str | None = None,
    options: ReadingArguments | None = None,
    *,
    tagged: bool = False,
    token_column: str | None = None,
) -> RowStream:
    """The rows of `data`, which is found out to be what it is, and not read yet.

    Args:
        data: A file, a pattern or a folder of files: tables, json, parquet and what else
            `hf_rnn.data.readers.files.read_rows` reads; txt, and files called by a language (``news.pt``), a text a
            line, in the column ``text``; conll, iob and bio, of which the first column is the column ``tokens``. Or
            ``-``, standard input, a text a line. Or a folder with a folder of texts for each class, whose columns are
            ``text`` and ``label``. Or a dataset of the Hub, or a folder that `datasets.load_dataset` reads.
        split: Of a dataset. Default: its only one, or else ``test``.
        options: What is known of the file. Default: everything is found from its content.
        tagged: Whether a file that training reads as tagged sentences is one of sentences, in the column ``tokens``:
            one with a token on each line or row, or with the tag behind each word. In JSON they are always.
        token_column: What the user calls the column of a table with a token on each row.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty or is not of its kind, a dataset cannot be read or has no such split, or `split`
            is given for a file.
    """
    options = options or ReadingArguments()
    if data != STANDARD_INPUT and not names_files(data):
        classes = find_class_folders(expand_path(data)) if split is None else None
        return _of_dataset(data, split) if classes is None else _of_classes(data, classes, options)
    if split is not None:
        raise ValueError(f"`split`={split!r} is that of a dataset, and {data!r} is none; leave it out.")
    if data == STANDARD_INPUT:
        return RowStream(data, lambda: _texts(_standard_input(options)), is_plain=True)
    streams = [_of_file(name, _file(name), options, tagged, token_column) for name in files_of(data)]
    return streams[0] if len(streams) == 1 else _joined(data, streams)


def _joined(data: str, streams: list[RowStream]) -> RowStream:
    """Files one after the other."""
    if len({stream.is_plain for stream in streams}) > 1:
        raise ValueError(f"`data`={data!r} must be files of one kind: some are tables, and some are lines of text.")

    def read() -> Iterator[Row]:
        for stream in streams:
            yield from stream.rows()

    first = streams[0]
    return replace(
        first,
        name=data,
        rows=read,
        size=sum(stream.size or 0 for stream in streams),
        identity={"files": [stream.identity for stream in streams]},
        count=lambda: sum(stream.count() for stream in streams if stream.count is not None),
    )


def _of_file(data: str, file: Path, options: ReadingArguments, tagged: bool, token_column: str | None) -> RowStream:
    opened, read = _opened_columns(data, file, options, tagged)
    if read is None:
        opened = open_file(file, data, options, is_text=True, is_lenient=True)
        read = _reader(opened)
        if tagged and opened.kind != "text":
            read = sentences_of_token_rows(read, token_column) or read

    def count() -> int:
        if opened.kind == "parquet" and opened.source.compression is None:
            return _parquet_rows(file)
        return sum(1 for _ in read())

    return RowStream(data, read, file.stat().st_size, _identity(file, options, tagged), count, opened.kind == "text")


def _opened_columns(
    data: str, file: Path, options: ReadingArguments, tagged: bool
) -> tuple[OpenFile, Callable[[], Iterator[Row]] | None]:
    """The lines of a file, and the reader of their sentences where they are no rows and no texts."""
    source = find_source(file, data)
    if source.extension in (*JSON_EXTENSIONS, *COLUMNAR_EXTENSIONS):
        return OpenFile(source, "lines"), None
    opened = OpenFile(source, "lines", find_text(source, options, is_lenient=True))
    if extension_of(file) in COLUMN_FILE_TYPES:
        return opened, lambda: sentences_of_columns(opened)
    if not tagged or options.delimiter is not None:
        return opened, None
    return opened, sentences_of_lines(opened, source.extension in (".csv", ".tsv"))


def _reader(opened: OpenFile) -> Callable[[], Iterator[Row]]:
    if opened.kind == "table":
        assert opened.layout is not None
        check_names(opened, opened.layout.names)
        return lambda: _table(opened)
    if opened.kind == "json":
        listed = listed_inputs(opened)
        if listed is not None:
            return lambda: iter(listed)
        first = next(_json(opened), None)
        if isinstance(first, BadRow):
            raise ValueError(f"The file {opened.source.shown!r} holds no rows of JSON: the first {first.problem}.")
        return lambda: _json(opened)
    if opened.kind == "text":
        return lambda: _texts_of(opened)
    with open_columnar(opened.source, opened.kind):
        # A file that is not of its kind is found before anything is asked of it.
        return lambda: _columnar(opened)


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


def _of_classes(data: str, classes: ClassFolders, options: ReadingArguments) -> RowStream:
    files = [file for found in classes.files.values() for file in found]
    classes.say()

    def read() -> Iterator[Row]:
        for text, label, _ in classes.texts(options):
            yield {TEXT_COLUMN: text, LABEL_COLUMN: label}

    identity = {"files": [_identity(file, options) for file in files]}
    return RowStream(data, read, sum(file.stat().st_size for file in files), identity, lambda: len(files))


def _identity(file: Path, options: ReadingArguments, tagged: bool = False) -> dict[str, Any]:
    with file.open("rb") as stream:
        head = hashlib.sha256(stream.read(HEAD_BYTES)).hexdigest()
    state = file.stat()
    return {
        "name": file.name,
        "size": state.st_size,
        "modified_ns": state.st_mtime_ns,
        "sha256_of_head": head,
        "reading": reading_flags(options),
        "tagged": tagged,
    }


def _standard_input(options: ReadingArguments) -> IO[str]:
    return io.TextIOWrapper(sys.stdin.buffer, encoding=options.encoding or "utf-8-sig", errors=LENIENT)


def _table(opened: OpenFile) -> Iterator[Row]:
    layout = opened.layout
    assert layout is not None
    with opened.text(errors=LENIENT) as stream:
        for batch in read_batches(stream, layout):
            for cells in batch.rows:
                if isinstance(cells, BadRow):
                    yield BadRow(f"line {cells.line}: {cells.problem}", cells.line)
                else:
                    yield dict(zip(layout.names, cells, strict=True))


def _json(opened: OpenFile) -> Iterator[Row]:
    with opened.text(errors=LENIENT) as stream:
        rows = open_json(stream, opened.source)
        for number, row in rows:
            yield BadRow(f"{rows.place(number)}: {row.problem}") if isinstance(row, BadRow) else row


def _parquet_rows(file: Path) -> int:
    import pyarrow.parquet

    return int(pyarrow.parquet.read_metadata(file).num_rows)


def _columnar(opened: OpenFile) -> Iterator[Row]:
    with open_columnar(opened.source, opened.kind) as (_, batches):
        for batch in batches:
            yield from map(flattened, batch.to_pylist())


def _texts_of(opened: OpenFile) -> Iterator[Row]:
    with opened.text(errors=LENIENT, newline=None) as stream:
        yield from _texts(stream)


def _texts(stream: IO[str]) -> Iterator[Row]:
    for line in stream:
        yield {TEXT_COLUMN: line.rstrip("\n")}
