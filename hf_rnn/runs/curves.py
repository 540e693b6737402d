"""Learning curves of Trainer runs: the points, and a picture of one run, or of several beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import require_extra
from .folder import CURVES_FILE


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["AXES", "CURVES_FILE", "Points", "curve_points", "plot_learning_curves", "plot_run_curves"]


# The axis that a curve is drawn against → where the Trainer, or `clock.TrainingClock`, logs it.
AXES = {"epoch": "epoch", "minutes": "minutes", "steps": "step"}

Points = list[tuple[float, float]]


def curve_points(log_history: Iterable[Mapping[str, Any]], metric_name: str, axis: str = "epoch") -> dict[str, Points]:
    """The curves in `trainer.state.log_history`, each a list of (axis, value).

    Args:
        axis: `"epoch"`, `"steps"`, or `"minutes"` of training, which `clock.TrainingClock` adds.

    Returns:
        `train_loss`, `validation_loss` and `validation_metric` (that called `metric_name`, without `eval_`). A curve
        is empty when the run logged nothing for it.
    """
    keys = {"train_loss": "loss", "validation_loss": "eval_loss", "validation_metric": f"eval_{metric_name}"}
    rows, position = list(log_history), AXES[axis]
    return {
        curve: [(float(row[position]), float(row[key])) for row in rows if key in row and position in row]
        for curve, key in keys.items()
    }


def plot_learning_curves(log_history: Iterable[Mapping[str, Any]], path: str | Path, metric_name: str) -> Path:
    """Draw loss (train, validation) by epoch and the validation metric by minutes of training, or by epoch where the
    log has none, and write them to `path` as PNG.

    Neither a display nor pyplot is used: the backend of the calling program stays as it is.

    Raises:
        ValueError: `log_history` holds no curve at all.
    """
    rows = list(log_history)
    curves = curve_points(rows, metric_name)
    if not any(curves.values()):
        raise ValueError(
            f"`log_history` must hold `loss`, `eval_loss` or `eval_{metric_name}` with `epoch`; it does not"
        )
    figure, loss_axes, metric_axes = _panels()
    for label in ("train", "validation"):
        _draw(loss_axes, curves[f"{label}_loss"], label=label)
    by_minutes = curve_points(rows, metric_name, "minutes")["validation_metric"]
    _draw(metric_axes, by_minutes or curves["validation_metric"], label="validation")
    _name(loss_axes, "epoch", "loss")
    _name(metric_axes, "minutes" if by_minutes else "epoch", metric_name)
    return _save(figure, path)


def plot_run_curves(runs: Mapping[str, Mapping[str, Points]], path: str | Path, metric_name: str, axis: str) -> Path:
    """Draw several runs over each other, each in a colour of its own: the loss (train dashed, validation solid) and
    the validation metric, and write them to `path` as PNG.

    Args:
        runs: The curves of each, as `curve_points` gives them along `axis`, by the run's name.

    Raises:
        ValueError: no run has any point.
    """
    if not any(points for curves in runs.values() for points in curves.values()):
        raise ValueError(f"`runs` must have a curve along {axis!r}; {', '.join(runs) or 'there are none'}")
    figure, loss_axes, metric_axes = _panels()
    for number, (name, curves) in enumerate(runs.items()):
        color = f"C{number}"
        _draw(loss_axes, curves["train_loss"], color=color, linestyle="--", linewidth=0.9, marker=None)
        _draw(loss_axes, curves["validation_loss"], color=color)
        _draw(metric_axes, curves["validation_metric"], color=color)
        # The line that names the run, also where one of the panels has nothing of it.
        metric_axes.plot([], [], color=color, label=name)
    for label, linestyle in (("train", "--"), ("validation", "-")):
        if any(curves[f"{label}_loss"] for curves in runs.values()):
            loss_axes.plot([], [], color="black", linestyle=linestyle, label=label)
    _name(loss_axes, axis, "loss")
    _name(metric_axes, axis, f"validation {metric_name}")
    return _save(figure, path)


def _panels() -> tuple[Figure, Axes, Axes]:
    require_extra("train", "A plot of learning curves", "matplotlib")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    return figure, *figure.subplots(1, 2)


def _draw(axes: Axes, points: Points, **style: Any) -> None:
    if points:
        # Markers only where they stay apart: the training loss may have hundreds of points.
        marker = "o" if len(points) <= 30 else None
        axes.plot(*zip(*points, strict=True), **{"marker": marker, "markersize": 4, **style})


def _name(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()


def _save(figure: Figure, path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=120)
    return path
