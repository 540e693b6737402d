"""Read the rows of a file into a ``datasets.Dataset``: a table of text, JSON, parquet or Arrow, compressed or not.

``datasets.load_dataset`` is not used: its csv reader turns the texts "NA" and "None" into nulls, and it keeps a copy
of every file it has read in the user's cache.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .places import PLACE_COLUMN
from .tables.building import TableBuilder
from .tables.columnar import open_columnar
from .tables.json_rows import JsonRows, open_json
from .tables.opening import COLUMNAR_EXTENSIONS, JSON_EXTENSIONS, TABLE_EXTENSIONS, OpenFile, open_file
from .tables.options import ReadingArguments
from .tables.rows import BadRow, RowBatch, read_batches
from .tables.sources import COMPRESSED_FILE_TYPES, extension_of


if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

__all__ = [
    "FILE_TYPES",
    "TAGGED_FILE_TYPES",
    "check_names",
    "existing_file",
    "expand_path",
    "files_of",
    "names_files",
    "read_rows",
    "readable_file",
]

FILE_TYPES = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".feather")
# Other names of the same, which need not be listed.
_ALL_FILE_TYPES = (*TABLE_EXTENSIONS, *JSON_EXTENSIONS, *COLUMNAR_EXTENSIONS)
# One token a line, its tag beside it: `hf_rnn.data.readers.conll` reads these.
TAGGED_FILE_TYPES = (".conll", ".conllu", ".txt", ".iob", ".iob2", ".bio", ".bioes")
CORPORA_VARIABLE = "HF_RNN_CORPORA"
DEFAULT_CORPORA = os.path.join("..", "shared", "data")
# A folder with such a word in a file's name holds splits, and not the parts of one.
_SPLIT_WORDS = re.compile(r"(?<![a-z])(train|training|valid|validation|val|dev|eval|test|testing)(?![a-z])")
BATCH_ROWS = 10_000


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


def readable_file(path: str, others: Sequence[str] = ()) -> Path:
    """The file `path`, whose extension is that of rows, or one of `others`; also before that of a compression.

    Raises:
        FileNotFoundError, ValueError: as `existing_file`, or for another extension.
    """
    extension = extension_of(expand_path(path))
    if extension not in (*_ALL_FILE_TYPES, *others):
        known = ", ".join((*FILE_TYPES, ".txt", *(other for other in others if other != ".txt")))
        raise ValueError(
            f"The file {path!r} has the extension {extension!r}; it must be one of {known}, or where tagged sentences "
            f"are read one of {', '.join(TAGGED_FILE_TYPES)}. Save other formats, such as XML or workbooks, as csv."
        )
    return existing_file(path)


def files_of(path: str) -> list[str]:
    """The files that `path` names: itself, those of a pattern (``part*.csv``) or of a folder, sorted, or those of
    several paths between commas.

    Raises:
        FileNotFoundError: a pattern fits no file, or a folder has none.
        ValueError: as `expand_path`.
    """
    file = expand_path(path)
    if file.is_file():
        return [path]
    if file.is_dir():
        found = sorted(str(one) for one in file.iterdir() if one.is_file() and not one.name.startswith("."))
        if not found:
            raise FileNotFoundError(f"The folder {path!r} has no files.")
        return found
    if "," in path and all(part.strip() for part in path.split(",")):
        return [one for part in path.split(",") for one in files_of(part.strip())]
    if glob.has_magic(str(file)):
        found = sorted(one for one in glob.glob(str(file), recursive=True) if Path(one).is_file())
        if not found:
            raise FileNotFoundError(f"No file fits {path!r} (looked for {str(file.absolute())!r}).")
        return found
    return [path]


def names_files(word: str) -> bool:
    """Whether `word` names files, and not a dataset: it is there, or it is a pattern or has the extension of one.

    A folder does where it holds the parts of one table: files of one kind, none of them called as a split is.
    """
    path = expand_path(word)
    if path.is_dir():
        return _is_folder_of_parts(path)
    if path.is_file() or glob.has_magic(str(path)):
        return True
    known = {*_ALL_FILE_TYPES, *TAGGED_FILE_TYPES, *COMPRESSED_FILE_TYPES} - {""}
    return any(expand_path(part).suffix.lower() in known for part in word.split(","))


def _is_folder_of_parts(folder: Path) -> bool:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    extensions = {extension_of(entry) for entry in entries}
    return (
        len(extensions) == 1
        and extensions <= {*_ALL_FILE_TYPES} - {"", ".txt"}
        and all(entry.is_file() and not _SPLIT_WORDS.search(entry.name.lower()) for entry in entries)
    )


def read_rows(path: str, options: ReadingArguments | None = None) -> Dataset:
    """All rows of a file, in their order; those of a text or of JSON with the column `PLACE_COLUMN`.

    A table of text has cells of text exactly as they are written ("007", "NA", "1.0"). An empty cell is null, a quoted
    empty one ``""``. Blank lines are no rows. A column without a name is called ``Unnamed: 0``. Tables of more than
    256 MB are written to a file in the temporary folder, as they are read, and mapped into memory.

    Args:
        path: A file; see `expand_path`, and `hf_rnn.data.readers.tables.opening.open_file` for what it may be.
        options: What is known of the file. Default: everything is found from its content.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: unknown extension, no rows, malformed content (the message names the line), or a column name that
            is given twice.
    """
    opened = open_file(readable_file(path), path, options or ReadingArguments())
    builder = TableBuilder(_fingerprint(opened.source.file, options))
    columns: Sequence[str] = ()
    if opened.kind == "table":
        assert opened.layout is not None
        columns = opened.layout.names
        check_names(opened, columns)
        for table in _text_tables(opened):
            builder.add(table)
    elif opened.kind == "json":
        builder.add(_json_table(opened))
    else:
        with open_columnar(opened.source, opened.kind) as (schema, batches):
            columns = schema.names
            check_names(opened, columns)
            for table in _tables_of(batches, schema):
                builder.add(table)
    rows = builder.finish()
    if rows is not None and any(isinstance(feature, dict) for feature in rows.features.values()):
        # Parquet and Arrow have objects, too; their parts are named as those of JSON.
        rows = rows.flatten()
    if rows is None or len(rows) == 0:
        named = f" (columns: {', '.join(columns)})" if columns else ""
        header = "; `--no_header` reads its first row as data" if opened.kind == "table" else ""
        raise ValueError(f"The file {path!r} has no rows{named}{header}.")
    return rows


def _fingerprint(file: Path, options: ReadingArguments | None) -> str:
    state = file.stat()
    known = f"{file.absolute()} {state.st_size} {state.st_mtime_ns} {options}"
    return hashlib.sha256(known.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def check_names(opened: OpenFile, names: Sequence[str]) -> None:
    """Raise a ValueError where two columns have one name."""
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        hint = "; rename one, or give `--no_header` if the first row is data" if opened.kind == "table" else ""
        raise ValueError(
            f"The file {opened.source.shown!r} has more than one column named {', '.join(map(repr, repeated))}{hint}."
        )


def _text_tables(opened: OpenFile) -> Iterator[pa.Table]:
    layout = opened.layout
    assert layout is not None
    with opened.text() as stream:
        for batch in read_batches(stream, layout):
            bad = next((row for row in batch.rows if isinstance(row, BadRow)), None)
            if bad is not None:
                raise opened.source.error(bad.problem, bad.line)
            if batch.rows:
                yield _text_table(batch, layout.names, opened.source.name)


def _text_table(batch: RowBatch, names: Sequence[str], file_name: str) -> pa.Table:
    import pyarrow as pa

    columns = zip(*batch.rows, strict=True)
    arrays = {name: pa.array(values, pa.string()) for name, values in zip(names, columns, strict=True)}
    return pa.table({**arrays, PLACE_COLUMN: pa.array([f"{file_name}, line {line}" for line in batch.lines])})


def _tables_of(batches: Iterable[Any], schema: Any) -> Iterator[pa.Table]:
    import pyarrow as pa

    for batch in batches:
        yield pa.Table.from_batches([batch], schema)


def _json_table(opened: OpenFile) -> pa.Table:
    import pyarrow as pa

    tables = []
    with opened.text() as stream:
        rows = open_json(stream, opened.source)
        numbered = iter(rows)
        while batch := list(islice(numbered, BATCH_ROWS)):
            for number, row in batch:
                if isinstance(row, BadRow):
                    raise ValueError(f"The file {opened.source.shown!r}, {rows.place(number)}: {row.problem}.")
            tables.append(_object_table(opened, rows, batch))
    if not tables:
        raise ValueError(f"The file {opened.source.shown!r} has no rows.")
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise _mixed(opened, error) from error
    _check_objects(opened, table)
    return table


def _check_objects(opened: OpenFile, table: pa.Table) -> None:
    """Raise a ValueError for a column that is an object in some rows (`a.b`) and something else in others (`a`)."""
    import pyarrow.compute as pc

    for name in table.column_names:
        parts = [other for other in table.column_names if other.startswith(f"{name}.")]
        if not parts or table[name].null_count == len(table):
            continue
        # Where a row has both, the name itself has a dot.
        if not any(pc.any(pc.and_(table[name].is_valid(), table[part].is_valid())).as_py() for part in parts):
            raise ValueError(
                f"The file {opened.source.shown!r}: column `{name}` holds an object in some rows and something else "
                "in others; a column must hold one kind of values."
            )


def _object_table(opened: OpenFile, rows: JsonRows, batch: Sequence[tuple[int, Any]]) -> pa.Table:
    import pyarrow as pa

    # All keys of all rows, in order of appearance: pyarrow itself takes the columns of the first row only.
    columns = list(dict.fromkeys(name for _, row in batch for name in row))
    try:
        arrays = {name: pa.array([row.get(name) for _, row in batch]) for name in columns}
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        raise _mixed(opened, error) from error
    places = [f"{opened.source.name}, {rows.place(number)}" for number, _ in batch]
    return pa.table({**arrays, PLACE_COLUMN: pa.array(places)})


def _mixed(opened: OpenFile, error: Exception) -> ValueError:
    """The error of a column whose values are not of one kind: it names the first that differs."""
    first: dict[str, tuple[str, str]] = {}
    with opened.text() as stream:
        rows = open_json(stream, opened.source)
        for number, row in rows:
            for name, value in row.items() if isinstance(row, Mapping) else ():
                if value is None:
                    continue
                kind, place = first.setdefault(name, (_kind(value), rows.place(number)))
                if _kind(value) != kind:
                    return ValueError(
                        f"The file {opened.source.shown!r}, {rows.place(number)}: column `{name}` holds "
                        f"{_kind(value)} ({value!r}), and {place} {kind}; a column must hold one kind of values."
                    )
    return ValueError(f"The file {opened.source.shown!r} is no table: {error}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names[type(value)]
