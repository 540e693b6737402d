"""`speed.json` as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..document import OTHERS, OURS, Document
from .tables import reason, thread_words


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^v"


def draw(document: Document, folder: Path) -> list[Path]:
    """Write `speed_training.png`, `speed_inference.png`, `speed_length.png` and `speed_batch.png`."""
    figures = {
        "training": bars(document, "training", "texts a second, training"),
        "inference": bars(document, "inference", "texts a second, inference"),
        "length": length_curves(document),
        "batch": batch_curves(document),
    }
    paths = []
    for name, figure in figures.items():
        path = folder / f"speed_{name}.png"
        # The version of matplotlib is left out, so that equal pictures are equal files.
        figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
        paths.append(path)
    return paths


def bars(document: Document, section: str, title: str) -> Figure:
    """Texts a second of each peer, the fastest on top."""
    from matplotlib.figure import Figure

    rows = sorted(measured(document, section), key=lambda pair: pair[1]["texts_per_second"])
    figure = Figure(figsize=(9, 1.6 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    rates = [row["texts_per_second"] for _, row in rows]
    colors = [OURS if key.startswith("ours") else OTHERS for key, _ in rows]
    drawn = axes.barh([row["label"] for _, row in rows], rates, color=colors)
    axes.bar_label(drawn, [f"{rate:,.0f}" for rate in rates], padding=3)
    axes.margins(x=0.12)
    axes.set_title(title)
    footnote(figure, document, section)
    return figure


def length_curves(document: Document) -> Figure:
    """Milliseconds of one text by its length, on one thread."""

    def finish(axes: Axes) -> None:
        axes.set(title="one text, one thread", xlabel="tokens", ylabel="milliseconds", yscale="log")

    return curves(document, "by_length_ms", lambda x, y: y, finish)


def batch_curves(document: Document) -> Figure:
    """Texts a second by the size of the batch."""

    def finish(axes: Axes) -> None:
        tokens = document["dataset"]["max_tokens"]
        axes.set(title=f"texts of {tokens} tokens", xlabel="texts in a batch", ylabel="texts a second", yscale="log")

    return curves(document, "by_batch_size_ms", lambda x, y: 1000 * x / y, finish)


def curves(document: Document, name: str, value: Any, finish: Any) -> Figure:
    """A line for each peer that has the curve `name`; one that ends at the longest text its peer takes is marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    rows = [row for _, row in measured(document, "inference") if name in row]
    longest = max((int(x) for row in rows for x in row[name]), default=0)
    for row, marker in zip(rows, MARKERS, strict=False):
        points = [(float(x), value(float(x), y)) for x, y in row[name].items()]
        axes.plot(*zip(*points, strict=True), label=row["label"], marker=marker, markersize=4)
        limit = row["max_tokens"]
        if name == "by_length_ms" and limit is not None and limit < longest:
            axes.annotate(f"takes no more than {limit}", points[-1], xytext=(4, 6), textcoords="offset points")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    finish(axes)
    axes.grid(alpha=0.3)
    if rows:
        axes.legend()
    footnote(figure, document, "inference")
    return figure


def measured(document: Document, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((key, row) for key, row in document[section].items() if row["status"] == "measured")


def footnote(figure: Figure, document: Document, section: str) -> None:
    """Write under `figure` where it was measured, and what was not measured."""
    notes = [f"{document['machine']['cpu']}, {thread_words(document)}, {document['date'][:10]}"]
    notes += [f"{row['label']}: {reason(row)}" for row in document[section].values() if row["status"] != "measured"]
    figure.supxlabel("\n".join(note[:130] for note in notes), fontsize=7, color="#555555")
