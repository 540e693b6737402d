"""Lists of words or tags in the cells of a table, in the forms in which programs write one there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..cells import as_list


__all__ = ["list_reader"]

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_SPACES = re.compile(r"[ \t\r\n]+")


def list_reader(cells: Sequence[Any], *, of_tags: bool) -> Callable[[Any], Any]:
    """Make a function that gives the items of a cell of a column.

    Cells that are all in brackets are lists: ``['B-PER', 'O']`` of Python, ``["B-PER", "O"]`` of JSON and
    ``['B-PER' 'O']`` of numpy. Otherwise white space divides the items, and between tags a comma may, where it is no
    tag of its own. What is no string stays as it is. The reader raises a ValueError for a list that it cannot read.

    Args:
        cells: All of the column.
        of_tags: Whether they are tags, not words.
    """
    texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
    if texts and all(text.startswith("[") and text.endswith("]") for text in texts):
        return lambda cell: _bracketed(cell.strip()) if isinstance(cell, str) else cell
    items = {item for text in texts for item in _SPACES.split(text)}
    commas = of_tags and "," not in items and any("," in item for item in items)
    divider = re.compile(r"[ \t\r\n,]+") if commas else _SPACES
    return lambda cell: [item for item in divider.split(cell) if item] if isinstance(cell, str) else cell


def _bracketed(text: str) -> list[Any]:
    if not text:
        return []
    items = as_list(text)
    if items is None or "..." in items:
        raise ValueError(f"{text[:60]!r} is no list of words or tags that can be read")
    if not _QUOTED.search(text):
        # Words and tags without quotes have no space in them, whatever stands between them.
        items = [word for item in items for word in item.split()]
    return [int(item) if item.removeprefix("-").isdecimal() else item for item in items]
