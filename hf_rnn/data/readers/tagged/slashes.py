"""Text in which each word has its tag behind it, ``Kofi/B-PER Annan/I-PER`` or ``The_DT dog_NN``: a line each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from .lines import COMMENT, NumberedLine
from .sentences import Sentence


__all__ = ["find_joint", "lines_of_items", "sentences_of_items"]

JOINTS = "/_|"
# So many lines are looked at.
HEAD = 100
# A letter of an entity and its type where an underscore stands between them: "Kofi_B_PER".
_UNDERSCORED = re.compile(r"(.+?)_([BIESLUMWbieslumw]_[^_]+|[Oo])")


def find_joint(lines: Sequence[NumberedLine]) -> str | None:
    """Find what joins a word and its tag: every item of each line has it, and some line has several items; else None.

    Args:
        lines: Those of the file that are neither empty nor comments.
    """
    head = [line.text.split() for line in lines[:HEAD]]
    items = [item for line in head for item in line]
    if not any(len(line) > 1 for line in head):
        return None
    # Tabs divide columns.
    if any("\t" in line.text.strip() for line in lines[:HEAD]):
        return None
    return next((joint for joint in JOINTS if all(joint in item[1:-1] for item in items)), None)


def sentences_of_items(lines: Iterable[NumberedLine], joint: str, path: str) -> list[Sentence]:
    """The sentence of each line.

    Args:
        lines: As in `find_joint`.
        joint: What it found; the last one of an item stands in front of its tag.
        path: What errors call the file.

    Raises:
        ValueError: an item has no tag.
    """
    rows = []
    for number, text in lines:
        items = text.split()
        for item in items:
            if joint not in item[1:-1]:
                raise ValueError(
                    f"The file {path!r}, line {number}: {item!r} has no tag; every item is to be WORD{joint}TAG, as "
                    "in the first lines."
                )
        rows.append((number, items))
    cut = _cutter(joint, [item for _, items in rows for item in items])
    return [
        Sentence([cut(item)[0] for item in items], [cut(item)[1] for item in items], f"{path}, line {number}")
        for number, items in rows
    ]


def _cutter(joint: str, items: Sequence[str]) -> Callable[[str], Sequence[str]]:
    if joint == "_" and all(_UNDERSCORED.fullmatch(item) for item in items):
        return lambda item: _UNDERSCORED.split(item)[1:3]
    return lambda item: item.rsplit(joint, 1)


def lines_of_items(lines: Iterable[str]) -> Iterator[NumberedLine]:
    """The `lines` that are neither empty nor comments, with their numbers."""
    for number, text in enumerate(lines, start=1):
        if text.strip() and not text.startswith(f"{COMMENT} "):
            yield NumberedLine(number, text)
