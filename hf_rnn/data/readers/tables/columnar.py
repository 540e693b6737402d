"""Files that hold columns and their types: parquet, Arrow and feather."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from .sources import Source


__all__ = ["columnar_kind", "open_columnar"]

BATCH_ROWS = 1000


def columnar_kind(head: bytes) -> str | None:
    """``"parquet"``, ``"arrow"`` (feather, too), ``"arrow stream"`` (as datasets caches it), by the first bytes."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"FEA1")):
        return "arrow"
    return "arrow stream" if head.startswith(b"\xff\xff\xff\xff") else None


@contextmanager
def open_columnar(source: Source, kind: str) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema of a file and its rows, as record batches.

    Raises:
        FileError: it is damaged, or not of its kind.
    """
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    try:
        with source.open() as stream:
            # Compressed files cannot be read from their end, where their parts are listed.
            file: Any = source.file if source.compression is None else BytesIO(stream.read())
            if kind == "parquet":
                with pyarrow.parquet.ParquetFile(file) as opened:
                    yield opened.schema_arrow, opened.iter_batches(BATCH_ROWS)
            elif kind == "arrow":
                table = pyarrow.feather.read_table(file)
                yield table.schema, iter(table.to_batches(BATCH_ROWS))
            else:
                with pyarrow.ipc.open_stream(file if source.compression else pyarrow.OSFile(str(file))) as opened:
                    yield opened.schema, iter(opened)
    except pyarrow.ArrowException as error:
        raise source.error(f"it is not a readable {kind} file: {error}") from error
