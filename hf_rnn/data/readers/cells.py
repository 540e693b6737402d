"""What a single cell of a table holds: nothing, a number, a whole number."""

from __future__ import annotations

import math
import re
from typing import Any


__all__ = ["as_number", "is_empty", "is_number", "is_whole"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"-?(0|[1-9]\d*)")


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: null, not a number, or a text of white space alone."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def is_number(value: Any) -> bool:
    """Whether a cell is a finite number, or a text that writes one with a decimal point."""
    return as_number(value) is not None


def as_number(value: Any) -> float | None:
    """The finite number that a cell is or writes, with a decimal point; None for anything else, booleans among it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def is_whole(text: str) -> bool:
    """Whether `text` writes an integer as a program would: ``-1`` and ``10``, but neither ``01`` nor ``1.0``."""
    return _WHOLE.fullmatch(text) is not None
