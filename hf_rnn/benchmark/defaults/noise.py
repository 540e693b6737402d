"""Typing errors, as hurried people make them: what a tagger meets outside of newspapers."""

from __future__ import annotations

import random
from collections.abc import Sequence


__all__ = ["with_typos"]


# The share of words with an error, and the letters that the shortest of them has.
SHARE, SHORTEST = 0.15, 4
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def with_typos(words: Sequence[str], draw: random.Random) -> list[str]:
    """Lower the case of all words, and give every seventh long one an error.

    An error leaves out a letter, doubles it, swaps it with the next or puts another in its place. The first letter
    stays, and so does the number of words.

    Args:
        words: The tokens of a sentence.
        draw: Where the errors are drawn from; the same state gives the same errors.

    Example:
        >>> with_typos(["EU", "rejects", "German", "lamb"], random.Random(10))
        ['eu', 'rejects', 'german', 'lab']
    """
    return [_mistyped(word.lower(), draw) for word in words]


def _mistyped(word: str, draw: random.Random) -> str:
    if len(word) < SHORTEST or not word.isalpha() or draw.random() >= SHARE:
        return word
    place = draw.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    error = draw.choice(("left out", "doubled", "swapped", "replaced"))
    if error == "left out":
        return before + after
    if error == "doubled":
        return before + 2 * letter + after
    if error == "swapped":
        return before + after[0] + letter + after[1:]
    return before + draw.choice(LETTERS) + after
