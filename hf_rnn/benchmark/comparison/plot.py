"""A comparison as a picture: quality against latency, the area of a point its size on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..document import OTHERS, OURS, Document
from .tables import NOT_MEASURED, library_label, metric_title


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox


__all__ = ["draw_comparison"]


# Square points of area for a megabyte on disk, and the least that can be seen.
AREA_OF_MB, LEAST_AREA = 8.0, 12.0
# Gaps between a point and its label, in points: the nearest are tried first.
GAPS = range(3, 150, 9)
# These are the places of the label's centre, seen from the point's.
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


class Mark(NamedTuple):
    """A point that gets a label.

    Attributes:
        x, y: Where, in the units of the axes.
        text: The label.
        radius: The radius of a point, in points; that of a line is 0.
        line: `vertical` or `horizontal` through the place, from end to end; None for a point.
    """

    x: float
    y: float
    text: str
    radius: float = 0.0
    line: str | None = None

    def box(self, axes: Axes) -> Bbox:
        """The rectangle that it covers, in pixels."""
        side = 2 * max(self.radius, 1.0) * pixels_of_point(axes)
        width = 2 * axes.bbox.width if self.line == "horizontal" else side
        height = 2 * axes.bbox.height if self.line == "vertical" else side
        return box_around(self.centre(axes), width, height)

    def centre(self, axes: Axes) -> Any:
        """(x, y) in pixels."""
        return axes.transData.transform((self.x, self.y))


def draw_comparison(document: Document, path: Path) -> None:
    """Write the picture to `path`, a .png."""
    # The version of matplotlib is left out, so that equal pictures are equal files.
    figure(document).savefig(path, format="png", dpi=110, metadata={"Software": None})


def figure(document: Document) -> Figure:
    """A point for each measured model, a square for one of another library than transformers; a dashed line at the
    latency of one with random weights, and a dotted one at a cited figure, which has no latency of this machine.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    drawn = Figure(figsize=(8, 5))
    axes = drawn.subplots()
    marks = []
    for model in document["models"]:
        if model["quality"] is not None:
            x, y = model["latency_ms"]["p50"], model["quality"][document["metric"]]
            megabytes = model["size_bytes"] / 1e6
            ours = model["model_type"] in our_types()
            area = max(AREA_OF_MB * megabytes, LEAST_AREA)
            # Squares are no checkpoints of transformers.
            marker = "s" if "library" in model else "o"
            axes.scatter(x, y, s=area, color=OURS if ours else OTHERS, marker=marker, alpha=0.75, zorder=3)
            label = f"{model['name']}{library_label(model)}\n{megabytes:.1f} MB"
            marks.append(Mark(x, y, label, math.sqrt(area / math.pi)))
    axes.set_xscale("log")
    axes.margins(0.25)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("milliseconds for one text (p50, one thread, logarithmic)")
    axes.set_ylabel(metric_title(document))
    axes.set_title(f"{document['name'].replace('$', chr(92) + '$')}: quality against latency; area: size on disk")
    axes.grid(alpha=0.3)
    marks += list(lines(document, axes))
    drawn.tight_layout()
    place_labels(axes, marks)
    return drawn


def our_types() -> frozenset[str]:
    """The model types of this package."""
    from ...models.configuration_rnn import FAMILIES

    return frozenset(FAMILIES)


def lines(document: Document, axes: Axes) -> Iterator[Mark]:
    """Draw what has no quality or no latency, and say where its label belongs."""
    for model in document["models"]:
        if model["quality"] is None:
            axes.axvline(model["latency_ms"]["p50"], color=OTHERS, linestyle="--")
    for cited in document["cited"]:
        axes.axhline(cited["value"], color=OTHERS, linestyle=":")
    (left, _), (low, high) = axes.get_xlim(), axes.get_ylim()
    for model in document["models"]:
        if model["quality"] is None:
            megabytes = model["size_bytes"] / 1e6
            text = f"{model['name']}\n{megabytes:.1f} MB\nquality {NOT_MEASURED}"
            yield Mark(model["latency_ms"]["p50"], (low + high) / 2, text, line="vertical")
    for cited in document["cited"]:
        yield Mark(left, cited["value"], f"{cited['name']}, cited", line="horizontal")


def place_labels(axes: Axes, marks: Sequence[Mark]) -> list[Annotation]:
    """Write each text beside its mark: at the nearest place inside the axes where it covers neither a mark nor another
    label, or, where there is none, where it covers least.

    Returns:
        The labels, in the order of `marks`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(axes.figure)  # type: ignore[arg-type]
    canvas.draw()
    scale = pixels_of_point(axes)
    taken = [mark.box(axes) for mark in marks]
    labels = []
    for mark in marks:
        label = axes.annotate(
            mark.text, (mark.x, mark.y), (0, 0), textcoords="offset points", ha="center", va="center", fontsize=8
        )
        size = label.get_window_extent(canvas.get_renderer())
        shifts = [
            (
                across * ((mark.radius + gap) * scale + size.width / 2),
                up * ((mark.radius + gap) * scale + size.height / 2),
            )
            for gap in GAPS
            for across, up in DIRECTIONS
        ]
        x, y = mark.centre(axes)
        boxes = {shift: box_around((x + shift[0], y + shift[1]), size.width, size.height) for shift in shifts}
        # `min` keeps the first, which is the nearest, of those that cover equally little.
        best = min(boxes, key=lambda shift: covered(boxes[shift], taken) + outside(boxes[shift], axes.bbox))
        label.set_position((best[0] / scale, best[1] / scale))
        taken.append(boxes[best])
        labels.append(label)
    return labels


def pixels_of_point(axes: Axes) -> float:
    """Count the pixels of a point, the 72nd part of an inch."""
    return axes.get_figure(root=True).dpi / 72  # type: ignore[union-attr]


def box_around(centre: Any, width: float, height: float) -> Bbox:
    """A box of this size around `centre`, (x, y) in pixels."""
    from matplotlib.transforms import Bbox

    return Bbox.from_bounds(centre[0] - width / 2, centre[1] - height / 2, width, height)


def covered(box: Bbox, others: Sequence[Bbox]) -> float:
    """Square pixels of `box` that lie under each of `others`, summed."""
    from matplotlib.transforms import Bbox

    shared = [Bbox.intersection(box, other) for other in others]
    return sum(part.width * part.height for part in shared if part is not None)


def outside(box: Bbox, frame: Bbox) -> float:
    """Square pixels of `box` that do not lie in `frame`."""
    return box.width * box.height - covered(box, [frame])
