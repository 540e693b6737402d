"""Groups of pairs that are known duplicates of each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from datasets import Dataset


__all__ = ["duplicate_groups", "row_groups"]


def duplicate_groups(pairs: Sequence[tuple[Hashable, Hashable]]) -> list[int]:
    """The connected components of known duplicates, found by union-find.

    That a and b, and b and c, are duplicates makes a and c duplicates, though nobody paired them.

    Args:
        pairs: Two texts each, or what stands for them, which are known to be duplicates. Texts are the same if they
            are equal; normalise them first where case or spaces are not to count.

    Returns:
        The group of each pair: whole numbers from 0 in order of first appearance.

    Example:
        >>> duplicate_groups([("a", "b"), ("x", "y"), ("b", "c")])
        [0, 1, 0]
    """
    parent: dict[Hashable, Hashable] = {}

    def root(text: Hashable) -> Hashable:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = parent[parent[text]]  # halves the path, so that long chains stay quick
            text = parent[text]
        return text

    for first, second in pairs:
        parent[root(first)] = root(second)
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(root(first), len(numbers)) for first, _ in pairs]


def row_groups(rows: Dataset) -> list[int]:
    """Number the groups of duplicates of tokenized pairs: those that are alike by `duplicate_groups`; each pair that
    is not alike has a number of its own. Texts with the same tokens are one text.

    Args:
        rows: `input_ids`, `input_ids_b` and `labels`, 1 for pairs that are alike.

    Returns:
        The group of each row.
    """
    first, second = ([tuple(ids) for ids in rows[name][:]] for name in ("input_ids", "input_ids_b"))
    alike = [index for index, label in enumerate(rows["labels"][:]) if label == 1]
    of_alike = duplicate_groups([(first[index], second[index]) for index in alike])
    groups = list(range(len(alike), len(alike) + len(rows)))
    for index, group in zip(alike, of_alike, strict=True):
        groups[index] = group
    return groups
