"""Natural text from the words of a corpus: the reverse of what its tokeniser did, as nearly as can be told."""

from __future__ import annotations

import re
from collections.abc import Sequence


__all__ = ["detokenize"]

_CLOSING = frozenset([*",.;:!?)]}%»”’…", "..", "...", "''"])
_OPENING = frozenset([*"([{$£€#«“‘¿¡", "``"])
_ALTERNATING = frozenset("\"'")
_CLITIC = re.compile(r"n['’]t|['’](?:s|re|ve|ll|d|m)", re.IGNORECASE)
# Before "$" they are part of the sign: R$ 5.
_CURRENCY_PREFIXES = frozenset(["R", "US"])


def detokenize(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join `tokens` as they would be written.

    There is a space between two tokens, except before closing punctuation, ``%`` and English clitics ("'s", "n't"),
    and after opening brackets, currency signs and ``#``. Straight quotes open and close in turn, and the last token
    closes; an apostrophe after a word in s that closes no quote belongs to it ("the players ' union"). Dashes and
    slashes keep both their spaces.

    Example:
        ``detokenize(["It", "'s", "5", "%", "."])`` is ``("It's 5%.", [(0, 2), (2, 4), (5, 6), (6, 7), (7, 8)])``.

    Args:
        tokens: The words of one sentence, in order.

    Returns:
        The text, and for each token the half-open interval of its characters: ``text[start:end] == token``.

    Raises:
        TypeError: `tokens` is a string.
    """
    if isinstance(tokens, str):
        raise TypeError(f"`tokens`={tokens[:50]!r} is a single string; it must be a list of words.")
    text = ""
    offsets = []
    opened: set[str] = set()
    previous = ""
    joined = False  # to the token before
    for index, token in enumerate(tokens):
        opens = token in _OPENING
        closes = token in _CLOSING or (_CLITIC.fullmatch(token) is not None and previous[-1:].isalpha())
        if token == "$" and previous in _CURRENCY_PREFIXES:
            closes = True
        elif token in opened:
            opened.remove(token)
            closes = True
        elif token in _ALTERNATING and (index == len(tokens) - 1 or (token == "'" and previous[-1:] in ("s", "S"))):
            closes = True
        elif token in _ALTERNATING:
            opened.add(token)
            opens = True
        if text and not (joined or closes):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        joined = opens
        previous = token
    return text, offsets
