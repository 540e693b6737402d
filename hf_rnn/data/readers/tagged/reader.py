"""Any file of tagged sentences: what form it has is found from its name and from what it holds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ..files import FILE_TYPES, expand_path, read_rows
from ..tables.opening import COLUMNAR_EXTENSIONS, OpenFile
from ..tables.options import ReadingArguments
from ..tables.sources import extension_of
from .column_file import ColumnFileReader
from .json_file import read_json_sentences
from .layout import ColumnRequest
from .lines import HEAD_LINES, has_blank_lines, open_lines, text_lines
from .sentences import as_rows
from .slashes import find_joint, lines_of_items, sentences_of_items


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TaggedFileReader"]

# Formats that have tags, but in no form that is read here.
CONVERT = {
    ".xml": "XML",
    ".ann": "brat's standoff",
    ".xlsx": "a spreadsheet",
    ".xls": "a spreadsheet",
    ".docx": "a document",
    ".pdf": "a document",
}


class TaggedFileReader:
    """Reads the files of a data set, that of training first.

    Args:
        request: What the user says of the columns.
        text_key, tag_key: The names of the columns of tables; None: they are found.
        options: What is known of the files.
    """

    def __init__(
        self,
        request: ColumnRequest,
        text_key: str | None = None,
        tag_key: str | None = None,
        options: ReadingArguments | None = None,
    ) -> None:
        self.options = options
        self.text_key, self.tag_key = text_key, tag_key
        self.request = request
        self._columns = ColumnFileReader(request)

    def read(self, path: str) -> Dataset:
        """The rows of a file: as `sentences.as_rows` makes them, or the columns of a table as they are.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is malformed, which the message explains by file and line.
        """
        kind = extension_of(expand_path(path))
        if kind in CONVERT:
            raise ValueError(
                f"The file {path!r} is {CONVERT[kind]}, which is not read. Write a token and its tag on each line, "
                "with a blank line after each sentence (.conll), or texts with their entities as JSON (.jsonl)."
            )
        if kind in COLUMNAR_EXTENSIONS:
            return read_rows(path, self.options)
        file = open_lines(path, self.options)
        if kind in (".json", ".jsonl") or (kind not in FILE_TYPES and self.request.tagged and _begins_as_json(file)):
            sentences = read_json_sentences(file, self.text_key, self.tag_key) if self.request.tagged else None
            return read_rows(path, self.options) if sentences is None else as_rows(sentences)
        if kind in (".csv", ".tsv") and has_blank_lines(text_lines(file)):
            return as_rows(self._columns.read(file))
        if kind in FILE_TYPES:
            return read_rows(path, self.options)
        joint = find_joint(list(islice(lines_of_items(text_lines(file)), HEAD_LINES))) if self.request.tagged else None
        if joint is not None:
            return as_rows(sentences_of_items(lines_of_items(text_lines(file)), joint, path))
        return as_rows(self._columns.read(file))


def _begins_as_json(file: OpenFile) -> bool:
    first = next((line for line in text_lines(file) if line.strip()), "")
    return first.startswith('{"') and first.rstrip().endswith("}")
