"""The parts that the figures of all insights share. None of them uses pyplot: the calling program's backend stays as
it is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..extras import require_extra
from ..runs.foreign import starts_with


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["MOST_NAMES", "is_table", "name_of", "name_steps", "new_figure", "width_for", "write_with_figure"]


# White space is shown so.
VISIBLE = {" ": "␣", "\n": "↵", "\t": "→", "\r": "←"}
LONGEST_NAME = 16
MOST_NAMES = 90


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    require_extra("insight", "A figure", "matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def write_with_figure(path: str | Path, rows: Iterable[Sequence[object]], figure: Figure) -> tuple[Path, Path]:
    """Write `rows`, the first of them the names of the columns, as CSV to `path`, and the figure as PNG beside it;
    missing folders are made.

    Returns:
        Both paths.
    """
    path = Path(path)
    picture = path.with_suffix(".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    figure.savefig(picture, dpi=110, metadata={"Software": None})
    return path, picture


def is_table(path: Path) -> bool:
    """Whether a file, a table or the picture beside one, was written by `write_with_figure`: by the first column."""
    table = path.with_suffix(".csv")
    return table.is_file() and any(starts_with(table, start, len(start)) for start in (b"written,", b"word,x,y"))


def name_of(step: str) -> str:
    """A step as it is written beside an axis: white space visible, cut where it is long, drawable."""
    shown = "".join(VISIBLE.get(character, character) for character in step)
    if len(shown) > LONGEST_NAME:
        shown = shown[: LONGEST_NAME - 1] + "…"
    # Else matplotlib draws an empty box and warns; a dollar would begin a formula.
    return "".join(character if _drawable(character) else "□" for character in shown).replace("$", r"\$")


@cache
def _drawable(character: str) -> bool:
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    # The font that matplotlib comes with, whatever else is installed.
    return bool(get_font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf").get_char_index(ord(character)))


def name_steps(axes: Axes, steps: Sequence[str], first: int = 0) -> None:
    """Write the steps, which stand at `first`, `first` + 1 …, below `axes`; of many only every second, third …"""
    every = -(-len(steps) // MOST_NAMES)
    places, names = range(first, first + len(steps), every), [name_of(step) for step in steps[::every]]
    rotation = 0 if all(len(name) <= 1 for name in names) else 90
    axes.set_xticks(places, names, rotation=rotation, fontsize=8, family="DejaVu Sans")


def width_for(steps: Sequence[str]) -> float:
    """Inches in which the steps can be written side by side."""
    return min(max(0.2 * len(steps) + 2.0, 6.0), 16.0)
