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
        `train_loss`, `validation_loss`, `train_metric` and `validation_metric` (those called `metric_name`, without
        `eval_` and with it). Those of training are measured on the batches while they are learnt, see
        `training.train_figure`. A curve is empty when the run logged nothing for it.
    """
    keys = {
        "train_loss": "loss",
        "validation_loss": "eval_loss",
        "train_metric": metric_name,
        "validation_metric": f"eval_{metric_name}",
    }
    rows, position = list(log_history), AXES[axis]
    return {
        curve: [(float(row[position]), float(row[key])) for row in rows if key in row and position in row]
        for curve, key in keys.items()
    }


def plot_learning_curves(log_history: Iterable[Mapping[str, Any]], path: str | Path, metric_name: str) -> Path:
    """Draw the loss, the metric and, where that is another, the figure that was counted while training, such as the
    accuracy of a tagger that is chosen by F1: each of train and validation, by epoch, in a panel of its own. Write
    them to `path` as PNG. The minutes of training, where the log has them, stand beside the name of the axis.

    Neither a display nor pyplot is used: the backend of the calling program stays as it is.

    Raises:
        ValueError: `log_history` holds no curve at all.
    """
    rows = list(log_history)
    names = [name for name in dict.fromkeys([metric_name, *_counted_figures(rows)]) if name != "loss"]
    curves = {name: curve_points(rows, name) for name in names} or {metric_name: curve_points(rows, metric_name)}
    if not any(points for of_one in curves.values() for points in of_one.values()):
        raise ValueError(
            f"`log_history` must hold `loss`, `eval_loss` or `eval_{metric_name}` with `epoch`; it does not"
        )
    figure, (loss_axes, *others) = _panels(1 + len(names))
    for color, label in (("C0", "train"), ("C1", "validation")):
        _draw(loss_axes, next(iter(curves.values()))[f"{label}_loss"], label=label, color=color)
        for name, axes in zip(names, others, strict=True):
            _draw(axes, curves[name][f"{label}_metric"], label=label, color=color)
    minutes = [float(row["minutes"]) for row in rows if "minutes" in row and "epoch" in row]
    across = f"epoch ({max(minutes):.1f} minutes in all)" if minutes else "epoch"
    for name, axes in zip(["loss", *names], [loss_axes, *others], strict=True):
        _name(axes, across, name)
    return _save(figure, path)


def _counted_figures(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The figures other than the loss that the log has of training and of validation."""
    logged = dict.fromkeys(key for row in rows for key in row)
    return [key for key in logged if f"eval_{key}" in logged]


def plot_run_curves(runs: Mapping[str, Mapping[str, Points]], path: str | Path, metric_name: str, axis: str) -> Path:
    """Draw several runs over each other, each in a colour of its own: the loss and the metric (train dashed,
    validation solid), and write them to `path` as PNG.

    Args:
        runs: The curves of each, as `curve_points` gives them along `axis`, by the run's name.

    Raises:
        ValueError: no run has any point.
    """
    if not any(points for curves in runs.values() for points in curves.values()):
        raise ValueError(f"`runs` must have a curve along {axis!r}; {', '.join(runs) or 'there are none'}")
    figure, (loss_axes, metric_axes) = _panels(2)
    for number, (name, curves) in enumerate(runs.items()):
        color = f"C{number}"
        for what, axes in (("loss", loss_axes), ("metric", metric_axes)):
            _draw(axes, curves[f"train_{what}"], color=color, linestyle="--", linewidth=0.9, marker=None)
            _draw(axes, curves[f"validation_{what}"], color=color)
        # The line that names the run, also where one of the panels has nothing of it.
        metric_axes.plot([], [], color=color, label=name)
    for label, linestyle in (("train", "--"), ("validation", "-")):
        if any(curves[f"{label}_loss"] for curves in runs.values()):
            loss_axes.plot([], [], color="black", linestyle=linestyle, label=label)
    _name(loss_axes, axis, "loss")
    _name(metric_axes, axis, metric_name)
    return _save(figure, path)


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    require_extra("train", "A plot of learning curves", "matplotlib")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * number, 3.6), layout="constrained")
    return figure, list(figure.subplots(1, number, squeeze=False)[0])


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
