"""The tables of speed that can stand in the documents, by the names of their blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from .report import read_document
from .sequences.tables import BLOCKS as SEQUENCE_BLOCKS
from .sequences.tables import read_sequences
from .tables import BLOCKS


__all__ = ["speed_blocks"]


def speed_blocks(path: Path) -> dict[str, Callable[[], str]]:
    """The tables of what `make bench` wrote: the file at `path`, and `sequences.json` beside it, if it is there."""
    measured = read_document(path)
    blocks: dict[str, Callable[[], str]] = {name: partial(table, measured) for name, table in BLOCKS.items()}
    if (beside := path.with_name("sequences.json")).is_file():
        sequences = read_sequences(beside)
        blocks |= {name: partial(table, sequences) for name, table in SEQUENCE_BLOCKS.items()}
    return blocks
