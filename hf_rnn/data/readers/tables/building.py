"""Rows become a table: in memory while they are few, beyond that in a file that is mapped into memory."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["TableBuilder"]

# A table of more bytes is held on disk.
LARGEST_IN_MEMORY = 2**28
# Batches are joined up to here, so that a table does not consist of thousands.
CHUNK_BYTES = 2**24


class TableBuilder:
    """Takes tables of equal columns, one after the other; `finish` gives the rows of all.

    Args:
        fingerprint: What `datasets` knows the rows by, which else reads all of them to find one.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._chunks: list[Any] = []
        self._waiting: list[Any] = []
        self._bytes = self._waiting_bytes = 0
        self._writer: Any = None
        self._path = ""

    def add(self, table: Any) -> None:
        """Take the next rows, a ``pyarrow.Table``."""
        self._waiting.append(table)
        self._waiting_bytes += table.nbytes
        if self._waiting_bytes >= CHUNK_BYTES:
            self._join()

    def finish(self) -> Dataset | None:
        """All rows; None where there are none, nor columns."""
        import pyarrow as pa
        from datasets import Dataset
        from datasets.table import InMemoryTable

        self._join()
        if self._writer is not None:
            self._writer.close()
            return Dataset.from_file(self._path)
        if not self._chunks:
            return None
        return Dataset(InMemoryTable(pa.concat_tables(self._chunks)), fingerprint=self._fingerprint)

    def _join(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        chunk = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._waiting_bytes = [], 0
        self._bytes += chunk.nbytes
        if self._writer is None and self._bytes > LARGEST_IN_MEMORY:
            self._path = os.path.join(_own_folder(), "rows.arrow")
            self._writer = pa.ipc.new_stream(self._path, chunk.schema)
            for written in self._chunks:
                self._writer.write_table(written)
            self._chunks = []
        if self._writer is not None:
            self._writer.write_table(chunk)
        else:
            self._chunks.append(chunk)


def _own_folder() -> str:
    """A folder that is there as long as this process."""
    folder = tempfile.mkdtemp(prefix="hf-rnn-rows-")
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: str, owner: int) -> None:
    # A worker that was forked knows the folder, too, and must leave it.
    if os.getpid() == owner:
        shutil.rmtree(Path(folder), ignore_errors=True)
