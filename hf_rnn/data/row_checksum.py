"""The checksum of the rows of a dataset: of what they hold and of their order, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..checksums import checksum_of


__all__ = ["rows_checksum"]


# The rows that are looked at in one go.
ROWS = 10_000


def rows_checksum(rows: Any) -> str | None:
    """SHA-256 of the columns, values and order of the rows of a `datasets.Dataset`, or of what another dataset tells
    of itself by a method `checksum_parts`; None where there is neither.

    Equal rows have equal checksums, whether they were read from a file, taken from a cache or picked by index.
    """
    if isinstance(rows, datasets.Dataset):
        return checksum_of(_parts(rows))
    tell = getattr(rows, "checksum_parts", None)
    return None if tell is None else checksum_of(tell())


def _parts(rows: datasets.Dataset) -> Iterator[Any]:
    yield len(rows)
    yield list(rows.column_names)
    for table in rows.with_format("arrow").iter(ROWS):
        for column in table.columns:
            yield from _values(column.combine_chunks())


def _values(array: Any) -> Iterator[Any]:
    """Yield what an Arrow array holds, as JSON values and NumPy arrays: never its buffers, which equal arrays may have
    laid out differently.
    """
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if array.null_count:
        yield array.is_null().to_numpy(zero_copy_only=False)
        array = array.drop_null()
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield pc.list_value_length(array).to_numpy(zero_copy_only=False)
        yield from _values(array.flatten())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        yield np.ascontiguousarray(array.to_numpy(zero_copy_only=False))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield array.to_pylist()
    else:
        yield [repr(value) for value in array.to_pylist()]
