"""Files of tables as people have them, each with the table that it holds, which is known before it is written."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from hf_rnn.data.readers.tables.options import ReadingArguments


WORDS = st.sampled_from(
    "the film was good bad really fine a 5 1.0 007 NA None null true it's don't 10% ok. no! ação ótimo não à".split()
)
# What comes between words; the last ones make trouble.
GLUE = st.sampled_from(
    [" ", " ", " ", " ", ", ", "; ", ",", " | ", ' "', '" ', '"', "\n", "\r\n", "\t", "\\", " '", "'"]
)
DELIMITERS = {",": ".csv", ";": ".csv", "\t": ".tsv", "|": ".txt"}
LABELS = (
    ["pos", "neg"],
    ["0", "1"],
    ["1.0", "2.0"],
    ["01", "1"],
    ["very good", "bad"],
    ["ótimo", "ruim"],
    ["a,b", "a"],
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    ".zip": lambda data: zipped(data),
}
QUOTINGS: dict[str, dict[str, Any]] = {
    "minimal": {"quoting": csv.QUOTE_MINIMAL},
    "all": {"quoting": csv.QUOTE_ALL},
    "backslash": {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"},
    "single": {"quoting": csv.QUOTE_ALL, "quotechar": "'"},
    "none": {},
}


@dataclass(frozen=True)
class WrittenFile:
    """Attributes:
    name, data: The file.
    names: Its columns; None where it has no header.
    rows: Its cells, None for one that is empty and not in quotes.
    options: The flags that leave nothing to be found out.
    """

    name: str
    data: bytes
    names: list[str] | None
    rows: list[list[str | None]]
    options: ReadingArguments

    def write(self, folder: Path) -> str:
        path = folder / self.name
        path.write_bytes(self.data)
        return str(path)

    @property
    def table(self) -> list[dict[str, str | None]]:
        """The rows as they must be read."""
        width = len(self.rows[0])
        names = [f"column_{number}" for number in range(width)]
        if self.names is not None:
            names = [name or f"Unnamed: {number}" for number, name in enumerate(self.names)]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("rows.csv", data)
    return stream.getvalue()


@st.composite
def texts(draw: st.DrawFn) -> str:
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    return words[0] + "".join(draw(GLUE) + word for word in words[1:])


@st.composite
def written_files(draw: st.DrawFn) -> WrittenFile:
    """Encoding × delimiter × quotes × header × labels × line ends × empty cells × compression."""
    delimiter = draw(st.sampled_from(list(DELIMITERS)))
    quoting = draw(st.sampled_from(list(QUOTINGS)))
    labels = draw(st.sampled_from(LABELS))
    has_index, is_empty_allowed = draw(st.booleans()), draw(st.booleans())
    body = draw(st.lists(texts(), min_size=1, max_size=12))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    rows: list[list[str | None]] = []
    for number, text in enumerate(body):
        label: str | None = labels[number % len(labels)]
        if is_empty_allowed and draw(st.integers(0, 5)) == 0:
            label = None
        if quoting == "none":
            text = _plain(text, delimiter)
            label = label and _plain(label, delimiter)
        if quoting == "backslash" and not any('"' in one for one in body):
            # Without an escaped quote nothing tells that backslashes are escaped, too.
            text = text.replace("\\", "")
        rows.append([*([str(number)] if has_index else []), text, label])
    names = [
        *([""] if has_index else []),
        *draw(st.sampled_from([("text", "label"), ("avaliação", "classe"), ("Review Text", "stars")])),
    ]
    has_header = draw(st.booleans())
    lines = [[*names], *rows] if has_header else rows
    text = _written(lines, delimiter, quoting, ends)
    if not draw(st.booleans()):
        text = text.removesuffix(ends)
    encoding = draw(st.sampled_from(ENCODINGS))
    packing = draw(st.sampled_from(list(COMPRESSIONS)))
    extension = draw(st.sampled_from([".csv", ".tsv", ".txt", "", DELIMITERS[delimiter]]))
    return WrittenFile(
        f"rows{extension}{packing}",
        COMPRESSIONS[packing](text.encode(encoding)),
        names if has_header else None,
        rows,
        ReadingArguments(
            encoding,
            {"\t": "tab"}.get(delimiter, delimiter),
            {"single": "single", "none": "none"}.get(quoting, "double"),
            not has_header,
        ),
    )


def _plain(text: str, delimiter: str) -> str:
    """A text that needs no quotes."""
    # Tabs in each text would be columns.
    for character in (delimiter, "\r", "\n", "\t"):
        text = text.replace(character, " ")
    return text


def _written(rows: list[list[str | None]], delimiter: str, quoting: str, ends: str) -> str:
    if quoting == "none":
        return "".join(delimiter.join(cell or "" for cell in row) + ends for row in rows)
    stream = io.StringIO(newline="")
    # An empty cell without quotes is written by putting its quotes in by hand to all others.
    # `csv` leaves a line feed without quotes where lines end with another character.
    form = QUOTINGS["all" if quoting == "minimal" and ends == "\r" else quoting]
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ends, **form)
    for row in rows:
        writer.writerow([cell if cell is not None else "\x00" for cell in row])
    quote = form.get("quotechar", '"')
    return stream.getvalue().replace(f"{quote}\x00{quote}", "").replace("\x00", "")
