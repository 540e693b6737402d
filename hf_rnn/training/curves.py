"""Learning curves of a Trainer run: the points, and a picture of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


# Where a run keeps the picture, beside its checkpoint; model cards show it.
CURVES_FILE = "learning_curves.png"

Points = list[tuple[float, float]]


def curve_points(log_history: Iterable[Mapping[str, Any]], metric_name: str) -> dict[str, Points]:
    """The curves in `trainer.state.log_history`, each a list of (epoch, value).

    Returns:
        `train_loss`, `validation_loss` and `validation_metric` (that called `metric_name`, without `eval_`). A curve
        is empty when the run logged nothing for it.
    """
    keys = {"train_loss": "loss", "validation_loss": "eval_loss", "validation_metric": f"eval_{metric_name}"}
    rows = list(log_history)
    return {
        curve: [(float(row["epoch"]), float(row[key])) for row in rows if key in row and "epoch" in row]
        for curve, key in keys.items()
    }


def plot_learning_curves(log_history: Iterable[Mapping[str, Any]], path: str | Path, metric_name: str) -> Path:
    """Draw loss (train, validation) and the validation metric by epoch, and write them to `path` as PNG.

    Neither a display nor pyplot is used: the backend of the calling program stays as it is.

    Raises:
        ValueError: `log_history` holds no curve at all.
    """
    from matplotlib.figure import Figure

    curves = curve_points(log_history, metric_name)
    if not any(curves.values()):
        raise ValueError(
            f"`log_history` must hold `loss`, `eval_loss` or `eval_{metric_name}` with `epoch`; it does not"
        )
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, metric_axes = figure.subplots(1, 2)
    for label in ("train", "validation"):
        _draw(loss_axes, curves[f"{label}_loss"], label)
    _draw(metric_axes, curves["validation_metric"], "validation")
    for axes, name in ((loss_axes, "loss"), (metric_axes, metric_name)):
        axes.set_xlabel("epoch")
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
