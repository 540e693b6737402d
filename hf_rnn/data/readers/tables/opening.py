"""Find out what a file is: a table of text, rows of JSON, columns with types, or plain text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .columnar import columnar_kind
from .encodings import Encoding, find_encoding, open_text
from .headers import is_row_of_names
from .layouts import Layout, Sample, find_layout, take_sample
from .options import ONE_COLUMN, ReadingArguments
from .sources import Source, find_source


__all__ = [
    "COLUMNAR_EXTENSIONS",
    "JSON_EXTENSIONS",
    "TABLE_EXTENSIONS",
    "OpenFile",
    "find_text",
    "open_file",
    "say_findings",
]

logger = logging.getLogger(__name__)

TABLE_EXTENSIONS = (".csv", ".tsv", ".tab", ".psv", ".dat", ".data", ".txt", "")
JSON_EXTENSIONS = (".json", ".jsonl", ".ndjson")
COLUMNAR_EXTENSIONS = (".parquet", ".pq", ".arrow", ".feather")
HEAD_BYTES = 2**16
# A plain text is a table where at least so many rows have a delimiter each, under a row of names.
FEWEST_ROWS = 3
# Without names it is one of labels and texts where tabs divide so many rows, so many for each label.
FEWEST_LABELLED_ROWS = 10
ROWS_OF_A_LABEL = 5
# So many lines tell whether a file is JSON.
JSON_LINES = 100


@dataclass(frozen=True)
class OpenFile:
    """A file, and how it is read.

    Attributes:
        source: Where its bytes are.
        kind: ``"table"``, ``"json"``, ``"text"``, ``"lines"`` of tokens, ``"parquet"``, ``"arrow"`` or
            ``"arrow stream"``.
        encoding: Of all but the last three.
        layout: Of a table.
    """

    source: Source
    kind: str
    encoding: Encoding | None = None
    layout: Layout | None = None

    @contextmanager
    def text(self, *, errors: str = "strict", newline: str | None = "") -> Iterator[IO[str]]:
        """The text of the file, as `open_text` opens it."""
        assert self.encoding is not None
        with open_text(self.source, self.encoding.name, errors=errors, newline=newline) as stream:
            yield stream


def open_file(
    file: Path, shown: str, options: ReadingArguments, *, is_text: bool = False, is_lenient: bool = False
) -> OpenFile:
    """Find out how a file is read, and say in one line what its name does not promise.

    Args:
        file: An existing file.
        shown: What the user called it.
        options: What the user says of it.
        is_text: Whether a file that is called neither ``.csv`` nor ``.tsv`` is plain text, unless it is unmistakably a
            table: under a row of names, one of them a usual one, all rows have equally many delimiters; or a label
            stands in each, in front of the text (``__label__``) or divided from it by a tab.
        is_lenient: Whether bytes that are not of the encoding are left to be found row by row.

    Raises:
        FileError: nothing tells how the file is to be read; the message names the flag that does.
    """
    source = find_source(file, shown)
    with source.open() as stream:
        head = stream.read(HEAD_BYTES)
    kind = columnar_kind(head)
    if kind is None and source.extension in COLUMNAR_EXTENSIONS:
        raise source.error(f"it is not a readable {source.extension[1:]} file: its content is not that of one.")
    if kind is not None:
        if source.extension not in COLUMNAR_EXTENSIONS:
            logger.warning("%s: read as %s, which its content is.", source.name, kind)
        return OpenFile(source, kind)
    encoding = find_text(source, options, is_lenient=is_lenient)
    findings = [(f"as {encoding.name}", "--encoding")] if encoding.is_guess else []
    opened = OpenFile(source, "json", encoding)
    if source.extension in JSON_EXTENSIONS:
        say_findings(source, findings)
        return opened
    with opened.text(errors="surrogateescape" if is_lenient else "strict") as text:
        sample = take_sample(text)
    if is_text and source.extension not in (".csv", ".tsv") and not _is_table(sample, source, options):
        say_findings(source, findings)
        return OpenFile(source, "text", encoding)
    if _is_json(sample):
        say_findings(source, [*findings, ("as JSON, an object a line", "")])
        return opened
    layout = find_layout(sample, source, options)
    say_findings(source, [*findings, *layout.findings])
    return OpenFile(source, "table", encoding, layout)


def find_text(source: Source, options: ReadingArguments, *, is_lenient: bool = False) -> Encoding:
    """The encoding of a file of text.

    Raises:
        FileError: it is damaged, or nothing tells the encoding, unless `is_lenient`.
    """
    try:
        encoding = find_encoding(source, options.encoding)
    except ValueError:
        if not is_lenient:
            raise
        return Encoding("utf-8-sig")
    if encoding.damaged_line is not None and not is_lenient:
        raise source.error(
            "this line is not UTF-8, and others are: mend it, or name the encoding of the file by `--encoding`.",
            encoding.damaged_line,
        )
    return encoding


def _is_table(sample: Sample, source: Source, options: ReadingArguments) -> bool:
    if options.delimiter is not None:
        return options.delimiter_character != ONE_COLUMN
    try:
        layout = find_layout(sample, source, ReadingArguments(quotes=options.quotes))
    except ValueError:
        return False
    rows = sum(1 for line in sample.lines if line.strip())
    names = [name for name in layout.names if len(name.split()) == 1]
    if layout.has_labels_in_front or _has_labels_at_tabs(layout, rows):
        return True
    return (
        layout.delimiter != ONE_COLUMN
        and layout.has_header
        and len(names) == len(layout.names) > 1
        and is_row_of_names(names)
        and rows >= FEWEST_ROWS
    )


def _has_labels_at_tabs(layout: Layout, rows: int) -> bool:
    """Whether a tab divides each of so many rows, and one of its columns has a few words that come again and again."""
    if layout.delimiter != "\t" or layout.known_values is None or rows < FEWEST_LABELLED_ROWS:
        return False
    _, values = layout.known_values
    return rows >= ROWS_OF_A_LABEL * len(values) and all(len(value.split()) <= 1 for value in values)


def _is_json(sample: Sample) -> bool:
    """Whether a file that is not called JSON has an object in each of its first lines."""
    lines = [line for line in sample.lines[:JSON_LINES] if line.strip()]
    if not lines or not lines[0].startswith("{"):
        return False
    try:
        return all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False


def say_findings(source: Source, findings: list[tuple[str, str]]) -> None:
    """One line of what was found, and of the flags that overrule it."""
    if not findings:
        return
    flags = [flag for _, flag in findings if flag]
    overruled = f" ({', '.join(flags)} {'says' if len(flags) == 1 else 'say'} otherwise)" if flags else ""
    logger.warning("%s: read %s%s.", source.name, ", ".join(finding for finding, _ in findings), overruled)
