"""Learning curves of a Trainer run: the points, and a picture of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


# Where a run keeps the picture, beside its checkpoint; model cards show it.
CURVES_FILE = "learning_curves.png"

Points = list[tuple[float, float]]


def curve_points(log_history: Iterable[Mapping[str, Any]], metric_name: str, axis: str = "epoch") -> dict[str, Points]:
    """The curves in `trainer.state.log_history`, each a list of (axis, value).

    Args:
        axis: `"epoch"`, or `"minutes"` of training, which `clock.TrainingClock` adds.

    Returns:
        `train_loss`, `validation_loss` and `validation_metric` (that called `metric_name`, without `eval_`). A curve
        is empty when the run logged nothing for it.
    """
    keys = {"train_loss": "loss", "validation_loss": "eval_loss", "validation_metric": f"eval_{metric_name}"}
    rows = list(log_history)
    return {
        curve: [(float(row[axis]), float(row[key])) for row in rows if key in row and axis in row]
        for curve, key in keys.items()
    }


def plot_learning_curves(log_history: Iterable[Mapping[str, Any]], path: str | Path, metric_name: str) -> Path:
    """
    Draw loss (train, validation) by epoch and the validation metric by minutes of training, or by epoch where the log
    has none, and write them to `path` as PNG.

    Neither a display nor pyplot is used: the backend of the calling program stays as it is.

    Raises:
        ValueError: `log_history` holds no curve at all.
    """
    from matplotlib.figure import Figure

    rows = list(log_history)
    curves = curve_points(rows, metric_name)
    if not any(curves.values()):
        raise ValueError(
            f"`log_history` must hold `loss`, `eval_loss` or `eval_{metric_name}` with `epoch`; it does not"
        )
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, metric_axes = figure.subplots(1, 2)
    for label in ("train", "validation"):
        _draw(loss_axes, curves[f"{label}_loss"], label)
    by_minutes = curve_points(rows, metric_name, "minutes")["validation_metric"]
    _draw(metric_axes, by_minutes or curves["validation_metric"], "validation")
    panels = ((loss_axes, "loss", "epoch"), (metric_axes, metric_name, "minutes" if by_minutes else "epoch"))
    for axes, name, axis in panels:
        axes.set_xlabel(axis)
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=120)
    return path


def _draw(axes: Any, points: Points, label: str) -> None:
    if points:
        # Markers only where they stay apart: the training loss may have hundreds of points.
        axes.plot(*zip(*points, strict=True), label=label, marker="o" if len(points) <= 30 else None, markersize=4)
