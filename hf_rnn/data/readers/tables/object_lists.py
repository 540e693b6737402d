"""Columns whose cells are lists of objects, such as the messages of a chat: their parts, where each row has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..places import place_of_row
from .json_rows import flattened


if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["list_and_part", "part_of", "parts_in_lists", "with_named_parts"]

# So many rows tell whether the cells of a column are lists of objects.
HEAD = 100


def parts_in_lists(columns: Mapping[str, Sequence[Any]]) -> str:
    """Say in a message which names the parts of lists of objects have; "" where no column has any.

    Args:
        columns: The name of each column, and its first values.
    """
    said = []
    for name, values in columns.items():
        objects = [one for cell in values[:HEAD] if _is_objects(cell) for one in cell]
        parts = dict.fromkeys(part for one in objects for part, value in flattened(one).items() if value is not None)
        if parts:
            shown = " or ".join(repr(f"{name}.{part}") for part in parts)
            said.append(
                f"; {name!r} holds lists of objects: name {shown} where each row has one object, else write the text "
                "of each row to a column of its own"
            )
    return "".join(said)


def list_and_part(name: str, columns: Iterable[str]) -> tuple[str, str] | None:
    """The column that holds the lists, and the part of an object, that a dotted name names; None for another name."""
    column = max((column for column in columns if name.startswith(f"{column}.")), key=len, default=None)
    return None if column is None else (column, name.removeprefix(f"{column}."))


def part_of(cell: Any, part: str) -> Any:
    """What the one object of a list has for `part`; None where there is none.

    Raises:
        ValueError: `cell` is no list of objects, or several of them have such a part.
    """
    if cell is None or cell == []:
        return None
    if not _is_objects(cell):
        raise ValueError(f"it is {cell!r}, which is no list of objects")
    found = [value for one in cell if (value := flattened(one).get(part)) is not None]
    if len(found) > 1:
        raise ValueError(
            f"{len(found)} objects have {part!r}, and one may; write the text of each row to a column of its own"
        )
    return found[0] if found else None


def with_named_parts(rows: Dataset, names: Mapping[str, str]) -> Dataset:
    """`rows` with a column for each dotted name of a part of lists of objects, such as ``messages.content``.

    Args:
        rows: Those of a split.
        names: The argument that gave each name; a name that is no such part is left for others to judge.

    Raises:
        ValueError: a row has several objects with the part; the message names the argument and the place.
    """
    for name, argument in names.items():
        found = None if name in rows.column_names else list_and_part(name, rows.column_names)
        if found is None or not any(map(_is_objects, rows[: len(rows)][found[0]])):
            continue
        cells = []
        for row, cell in enumerate(rows[found[0]]):
            try:
                cells.append(part_of(cell, found[1]))
            except ValueError as error:
                raise ValueError(f"`{argument}`={name!r}, {place_of_row(rows, row)}: {error}.") from error
        if any(cell is not None for cell in cells):
            rows = rows.add_column(name, cells)
    return rows


def _is_objects(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and all(isinstance(one, Mapping) for one in cell)
