"""Lines as fastText reads them: ``__label__positive a fine film``, the labels of a text in front of it."""

from __future__ import annotations

from collections.abc import Sequence


__all__ = ["COLUMNS", "are_labelled", "cells_of_line"]

PREFIX = "__label__"
COLUMNS = ("label", "text")
# Several labels of a text are joined by it, as in a cell of a table.
SEPARATOR = ","


def are_labelled(lines: Sequence[str]) -> bool:
    """Whether each line that is not blank begins with a label, and one has a text behind it."""
    words = [line.split(maxsplit=1) for line in lines if line.strip()]
    return bool(words) and all(line[0].startswith(PREFIX) for line in words) and any(len(line) > 1 for line in words)


def cells_of_line(line: str) -> list[str]:
    """The labels and the text of a line.

    Example:
        >>> cells_of_line("__label__a __label__b two words")
        ['a,b', 'two words']
    """
    labels = []
    rest = line.strip()
    while rest.startswith(PREFIX):
        label, _, rest = rest.partition(" ")
        labels.append(label.removeprefix(PREFIX))
        rest = rest.lstrip()
    return [SEPARATOR.join(labels), rest]
