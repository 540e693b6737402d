"""Groups of pairs that are known duplicates of each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def duplicate_groups(pairs: Sequence[tuple[Hashable, Hashable]]) -> list[int]:
    """
    The connected components of known duplicates, found by union-find.

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


__all__ = ["duplicate_groups"]
