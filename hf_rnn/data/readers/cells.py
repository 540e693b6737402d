"""Read a single cell of a table: it holds nothing, a number, or a list that was written as text."""

from __future__ import annotations

import ast
import datetime
import math
import re
import unicodedata
from collections.abc import Collection
from typing import Any


__all__ = [
    "as_list",
    "as_number",
    "is_empty",
    "is_moment",
    "is_number",
    "percentage",
    "says_nothing",
    "sorted_names",
    "without_accents",
]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PERCENTAGE = re.compile(rf"({_NUMBER.pattern})\s*%")
# How pandas and others write that there is no value. "NA", "None" and "-" may be texts and names of classes.
NOTHING = ("nan", "null", "<na>", "#n/a")
# Names of months and of days of the week in English and Portuguese, whole or by their first three letters.
_MONTHS = (
    "jan(uary|eiro)?|feb(ruary)?|fev(ereiro)?|mar(ch|co)?|apr(il)?|abr(il)?|may|mai(o)?|june?|jun(ho)?|july?|jul(ho)?|"
    "aug(ust)?|ago(sto)?|sept?(ember)?|set(embro)?|oct(ober)?|out(ubro)?|nov(ember|embro)?|dec(ember)?|dez(embro)?"
)
_DAYS = (
    "mon(day)?|tue(s|sday)?|wed(nesday)?|thu(r|rs|rsday)?|fri(day)?|sat(urday)?|sun(day)?|"
    "(segunda|terca|quarta|quinta|sexta)([- ]feira)?|sabado|domingo"
)
_CLOCK = r"\d{1,2}(:|h)\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]\.?m\.?)?( ?(z|(utc|gmt)([+-]\d{1,2})?|[+-]\d{2}:?\d{2}))?"
_DATE = (
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|\d{1,2}/\d{4}|"
    rf"(\d{{1,2}}(st|nd|rd|th|o)?[- /]?(de |of )?)?({_MONTHS})\.?([- /,]{{0,2}}(de )?\d{{1,2}}(st|nd|rd|th)?)?"
    rf"([-, /]{{1,2}}(de )?'?(\d{{4}}|\d{{2}}))?|{_DAYS}"
)
# The last form is that of C's asctime and of Twitter: Mon Apr 06 22:19:45 PDT 2009.
_MOMENT = re.compile(
    rf"(({_DAYS})\.?,? )?({_DATE})([ t,]{{1,2}}{_CLOCK})?|{_CLOCK}|"
    rf"({_DAYS}) ({_MONTHS}) {{1,2}}\d{{1,2}} {_CLOCK}( [a-z]{{3,4}}| [+-]\d{{4}})? \d{{4}}"
)
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# Python and JSON write commas, numpy white space, between the items.
_ITEMS = re.compile(rf"(?:{_QUOTED}|{_NUMBER.pattern})(?:(?:\s*,\s*|\s+)(?:{_QUOTED}|{_NUMBER.pattern}))*\s*,?")
_ITEM = re.compile(rf"{_QUOTED}|[^\s,]+")


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: null, not a number, or a text of white space alone."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def says_nothing(value: Any) -> bool:
    """Whether a cell is empty, or spells out that there is no value."""
    return is_empty(value) or (isinstance(value, str) and value.strip().casefold() in NOTHING)


def percentage(value: Any) -> float | None:
    """The number in front of a percent sign; None for a cell that writes anything else."""
    found = _PERCENTAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    return as_number(found[1]) if found else None


def is_moment(value: Any) -> bool:
    """Whether a cell is a date or a time, or writes one: ``2024-03-01``, ``1/3/24 10:30``, ``3 de março``."""
    if not isinstance(value, str):
        return isinstance(value, datetime.date | datetime.time)
    return _MOMENT.fullmatch(without_accents(value.strip().casefold())) is not None


def is_number(value: Any) -> bool:
    """Whether a cell is a finite number, or a text that writes one with a decimal point."""
    return as_number(value) is not None


def as_number(value: Any) -> float | None:
    """The finite number that a cell is or writes, with a decimal point; None for anything else, a boolean too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def sorted_names(names: Collection[str]) -> list[str]:
    """Sort names: numbers by their value, ``01`` before ``1``, anything else as text."""
    numbers = {name: as_number(name) for name in names}
    if None in numbers.values():
        return sorted(names)
    return sorted(names, key=lambda name: (numbers[name], name))


def without_accents(text: str) -> str:
    """Take the accents off the letters of a text: ``não`` becomes ``nao``."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))


def as_list(text: str) -> list[str] | None:
    """The items of a list that was written as text; None where `text` is no such list.

    The forms are those of Python (``['a', 'b']``), of JSON (``["a", "b"]``), of numpy (``['a' 'b']``, ``[1 0 1]``),
    and names without quotes between commas (``[a, b c]``). Numbers stay as they are written.

    Example:
        >>> as_list("['a', \\"b's\\"]"), as_list("[1 0 1]"), as_list("[very good, bad]"), as_list("[]"), as_list("a")
        (['a', "b's"], ['1', '0', '1'], ['very good', 'bad'], [], None)
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    inside = text[1:-1].strip()
    if not inside:
        return []
    if _ITEMS.fullmatch(inside):
        written = (match.group() for match in _ITEM.finditer(inside))
        return [str(ast.literal_eval(item)) if item[0] in "'\"" else item for item in written]
    if re.search(r"""['"\[\]]""", re.sub(r"(?<=\w)'(?=\w)", "", inside)):
        return None
    items = [item.strip() for item in inside.removesuffix(",").split(",")]
    return items if all(items) else None
