"""Rows written as JSON: a list of objects, an object a line, or one of the shapes that pandas and others write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any

from .rows import BadRow
from .sources import Source


__all__ = ["JsonRows", "flattened", "open_json"]

SHOWN_CHARACTERS = 60
# Here each line is a row, also where there is one only.
LINE_EXTENSIONS = (".jsonl", ".ndjson")
# Lists of this name are a row's, and no column.
TOKEN_KEYS = frozenset({"tokens", "words"})

Row = Mapping[str, Any] | BadRow


class JsonRows:
    """Rows, each with its place in the file.

    Attributes:
        unit: What `places` count: ``"line"``, from 1, or ``"item"``, from 0.
    """

    def __init__(self, unit: str, rows: Iterator[tuple[int, Row]]) -> None:
        self.unit = unit
        self._rows = rows

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        return self._rows

    def place(self, number: int) -> str:
        """ "line 3", or "item 2"."""
        return f"{self.unit} {number}"


def open_json(stream: IO[str], source: Source) -> JsonRows:
    """The rows of a file: read line by line where each is an object, as a whole otherwise.

    The shapes of a whole: a list of objects; an object of which one value is such a list (``{"data": [...]}``);
    columns (``{"text": [...], "label": [...]}``, or with an index, ``{"text": {"0": ...}}``); rows with an index
    (``{"0": {"text": ...}}``); pandas' ``split`` (``columns`` and ``data``). Objects in a row are columns with dotted
    names, see `flattened`.

    Raises:
        FileError: it is no JSON, or of another shape.
    """
    first, number = _next_line(stream, 0)
    if not first:
        raise source.error("it has no rows: its lines are blank.")
    try:
        value = json.loads(first)
    except json.JSONDecodeError as error:
        whole = first + stream.read()
        if first.lstrip()[:1] in ("[", "{"):
            return JsonRows("item", _items(_whole(whole, source, error, number), source))
        raise source.error(
            f"not valid JSON ({error.msg}). It must hold a list of objects, or one object a line.", number
        ) from error
    second, second_number = _next_line(stream, number)
    if second or source.extension in LINE_EXTENSIONS or not _is_whole(value):
        lines = chain([(number, first), *([(second_number, second)] if second else [])], _lines(stream, second_number))
        return JsonRows("line", ((at, _object(line)) for at, line in lines))
    return JsonRows("item", _items(value, source))


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in which the parts of objects are columns of their own; a name that the row has itself stays its own.

    Example:
        >>> flattened({"id": 1, "data": {"text": "a", "meta": {"lang": "en"}}})
        {'id': 1, 'data.text': 'a', 'data.meta.lang': 'en'}
    """
    if not any(isinstance(value, dict) for value in row.values()):
        return dict(row)
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            for part, inner in flattened(value).items():
                flat.setdefault(f"{name}.{part}", inner)
        else:
            flat[name] = value
    return flat


def _next_line(stream: IO[str], number: int) -> tuple[str, int]:
    for line in stream:
        number += 1
        if line.strip():
            return line, number
    return "", number


def _lines(stream: IO[str], number: int) -> Iterator[tuple[int, str]]:
    return ((at, line) for at, line in enumerate(stream, start=number + 1) if line.strip())


def _is_whole(value: Any) -> bool:
    """Whether a file of one line is more than one row; a sentence of tokens is one."""
    if not isinstance(value, dict):
        return True
    return TOKEN_KEYS.isdisjoint(value) and any(isinstance(part, list | dict) for part in value.values())


def _whole(text: str, source: Source, first_error: json.JSONDecodeError, number: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # Of lines that are objects but for the first, the first is at fault.
        line = number if error.msg == "Extra data" else error.lineno + number - 1
        raise source.error(
            f"not valid JSON ({error.msg}). It must hold a list of objects, or one object a line.", line
        ) from first_error


def _object(line: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return BadRow(f"not valid JSON ({error.msg})")
    return _checked(row)


def _checked(row: Any) -> Row:
    if isinstance(row, dict):
        return flattened(row)
    shown = json.dumps(row, ensure_ascii=False)
    return BadRow(f"expected an object with the columns, found {shown[:SHOWN_CHARACTERS]}")


def _items(value: Any, source: Source) -> Iterator[tuple[int, Row]]:
    return ((number, _checked(row)) for number, row in enumerate(_rows_of(value, source)))


def _rows_of(value: Any, source: Source) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise source.error(f"it must hold a list of objects, or one object a line; it holds {type(value).__name__}.")
    parts = list(value.values())
    if {"columns", "data"} <= value.keys() and all(isinstance(row, list) for row in value["data"]):
        return [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    lists = [key for key, part in value.items() if isinstance(part, list) and all(isinstance(o, dict) for o in part)]
    if len(lists) == 1 and not any(isinstance(part, list) for key, part in value.items() if key != lists[0]):
        return list(value[lists[0]])
    if len(lists) > 1:
        raise source.error(f"it has several lists of rows ({', '.join(lists)}); save the one to read as a file.")
    if parts and all(isinstance(part, list) for part in parts) and TOKEN_KEYS.isdisjoint(value):
        return _of_columns(value, source)
    if parts and all(isinstance(part, dict) for part in parts):
        return _of_indexed(value, source)
    return [value]


def _of_columns(value: dict[str, list[Any]], source: Source) -> list[dict[str, Any]]:
    sizes = {name: len(column) for name, column in value.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise source.error(f"its columns must have equally many values, and {listed}.")
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _of_indexed(value: dict[str, dict[str, Any]], source: Source) -> list[dict[str, Any]]:
    """Columns of rows with an index, or rows with one: the index counts."""
    if all(key.isdecimal() for key in value):
        return list(value.values())
    index = list(dict.fromkeys(key for column in value.values() for key in column))
    if not all(key.isdecimal() for key in index):
        raise source.error(
            f"an object of objects ({', '.join(list(value)[:5])}) is a table only where an index counts its rows; it "
            "must hold a list of objects, or one object a line."
        )
    return [{name: column.get(key) for name, column in value.items()} for key in index]
