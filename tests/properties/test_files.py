"""Any table that is written as people write them is read as it is, or ends in an error that names a flag."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest

from hf_rnn.data.readers.files import read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN
from hf_rnn.data.readers.row_stream import BadRow, open_rows
from hf_rnn.data.readers.tables.options import ReadingArguments
from tests.properties.generating import generated
from tests.properties.written_files import WrittenFile, written_files


Table = list[dict[str, str | None]]


class Said(logging.Handler):
    """What the readers say."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def read(path: str, options: ReadingArguments) -> tuple[Table | str, str]:
    """The rows, or the error; and what was said."""
    said = Said()
    logger = logging.getLogger("hf_rnn")
    logger.addHandler(said)
    try:
        rows = read_rows(path, options).remove_columns(PLACE_COLUMN).to_list()
    except ValueError as error:
        return str(error), ""
    finally:
        logger.removeHandler(said)
    return rows, " ".join(said.lines)


@pytest.mark.reliability(
    section="Properties",
    fault="Any file of a table: encoding × delimiter × quotes × header × line ends × empty cells × compression",
    mutation="a first row that is taken for names without a word",
)
@generated(150, 10_000, file=written_files())
def test_a_table_is_read_exactly_or_an_error_names_the_flag(file: WrittenFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file.write(Path(folder))
        found, said = read(path, ReadingArguments())
        if not isinstance(found, str) and found != file.table:
            # A first row that looks like names is said to be taken for them.
            assert file.names is None and "--no_header" in said, (found, said)
            found, said = read(path, ReadingArguments(no_header=True))
        if isinstance(found, str):
            assert any(flag in found for flag in ("--encoding", "--delimiter", "--quotes", "--no_header")), found
        else:
            assert found == file.table, said


@generated(100, 2000, file=written_files())
def test_with_all_flags_nothing_is_left_to_guess(file: WrittenFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file.write(Path(folder))
        assert read(path, file.options)[0] == file.table
        # `hf-rnn predict` reads the same rows.
        stream = open_rows(path, options=file.options)
        rows = list(stream.rows())
        assert not any(isinstance(row, BadRow) for row in rows)
        assert rows == file.table
        assert stream.count is not None and stream.count() == len(file.rows)
