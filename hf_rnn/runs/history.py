"""Reads back what runs logged while they trained, and compares it: runs that are finished, stopped or under way."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checksums import DamagedFileError, read_json
from ..metrics.base import LOWER_IS_BETTER
from .checkpoints import STATE_FILE, checkpoints
from .curves import AXES, Points, curve_points
from .describe import TRAINER_SPEED


__all__ = ["RunHistory", "common_metric", "last_and_best", "read_histories", "run_curves", "write_curves_csv"]


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunHistory:
    """The log of a run.

    Attributes:
        name: The run's folder, as it is shown.
        log: The entries of `trainer.state.log_history`, in their order.
        metrics: Those of validation that it logged, without `eval_`; that which chooses the checkpoint is the first.
    """

    name: str
    log: list[dict[str, Any]]
    metrics: list[str]


def read_histories(folders: Sequence[str | Path]) -> list[RunHistory]:
    """The histories of the runs in `folders`, in this order: of a finished run all that it logged, of one that was
    stopped or is under way what it had logged when it wrote its last checkpoint. A checkpoint's folder will do, too.

    Runs are called by the names of their folders, or by the whole paths where two names are the same.

    Raises:
        FileNotFoundError: a folder does not exist, or neither it nor a checkpoint in it has a `trainer_state.json`.
        DamagedFileError: the only one that there is cannot be read.
        ValueError: a folder is given twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"`folders` has {str(path)!r} twice.")
    bare = [path.name for path in paths]
    return [
        _history(path, path.name if bare.count(path.name) == 1 else str(folder))
        for folder, path in zip(folders, paths, strict=True)
    ]


def common_metric(histories: Sequence[RunHistory], metric: str | None = None) -> str:
    """`metric` (with or without `eval_`), which all the runs must have; by default the first that they have in common,
    and `"loss"` where none was evaluated by anything else.

    Raises:
        ValueError: a run does not have it, or they have none in common; the message says which run has what.
    """
    logged = "; ".join(f"{run.name}: {', '.join(run.metrics) or 'none'}" for run in histories)
    if metric is not None:
        metric = metric.removeprefix("eval_")
        missing = [run.name for run in histories if metric not in run.metrics]
        if missing:
            raise ValueError(f"`metric`={metric!r} was not logged by {', '.join(missing)}. Logged were {logged}.")
        return metric
    evaluated = [run.metrics for run in histories if run.metrics]
    common = [name for name in (evaluated[0] if evaluated else ["loss"]) if all(name in run for run in evaluated)]
    # The loss has a panel of its own.
    common = [name for name in common if name != "loss"] or common
    if not common:
        raise ValueError(f"The runs have no metric in common, plot them apart. Logged were {logged}.")
    return common[0]


def run_curves(histories: Sequence[RunHistory], metric: str, axis: str = "epoch") -> dict[str, dict[str, Points]]:
    """Each run's curves (see `curve_points`), by its name.

    Raises:
        ValueError: `axis` is none of `AXES`, or a run logged nothing along it.
    """
    if axis not in AXES:
        raise ValueError(f"`axis`={axis!r} must be one of {', '.join(AXES)}.")
    curves = {run.name: curve_points(run.log, metric, axis) for run in histories}
    for name, of_run in curves.items():
        if not any(of_run.values()):
            raise ValueError(f"`axis`={axis!r}: the run {name!r} has logged no loss and no {metric} along it.")
    return curves


def write_curves_csv(
    curves: Mapping[str, Mapping[str, Points]], path: str | Path, metric: str, axis: str = "epoch"
) -> Path:
    """Write the points of `run_curves` as rows of `run`, `curve`, the axis and `value`.

    A curve is called as `train_loss`, `validation_loss`, `train_accuracy` and `validation_accuracy`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "curve", axis, "value"])
        for name, of_run in curves.items():
            for curve, points in of_run.items():
                if curve.endswith("_metric") and metric == "loss":
                    # The points are those of `train_loss` and `validation_loss`.
                    continue
                label = curve.replace("metric", metric) if curve.endswith("_metric") else curve
                writer.writerows((name, label, position, value) for position, value in points)
    return path


def last_and_best(history: RunHistory, metric: str) -> tuple[float, float] | None:
    """The last value of the validation metric and the best; None where there is none."""
    values = [float(row[f"eval_{metric}"]) for row in history.log if f"eval_{metric}" in row]
    if not values:
        return None
    return values[-1], (min if metric in LOWER_IS_BETTER else max)(values)


def _history(folder: Path, name: str) -> RunHistory:
    state = _state(folder)
    log = state["log_history"]
    logged = dict.fromkeys(key.removeprefix("eval_") for row in log for key in row if key.startswith("eval_"))
    metrics = [metric for metric in logged if metric not in TRAINER_SPEED]
    # The state has the best value and its step, and not what it is a value of. Equal ones: accuracy before F1.
    best = {
        key.removeprefix("eval_")
        for row in log
        for key, value in row.items()
        if row.get("step") == state.get("best_global_step") and value == state.get("best_metric")
    }
    return RunHistory(name, log, sorted(metrics, key=lambda metric: metric not in best))


def _state(folder: Path) -> dict[str, Any]:
    """The newest that can be read: a run under way may be writing its last checkpoint, or removing its first."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    damaged = None
    for place in (folder, *reversed(checkpoints(folder))):
        try:
            state: dict[str, Any] = read_json(place / STATE_FILE)
            return state
        except FileNotFoundError:
            continue
        except DamagedFileError as error:
            logger.warning("%s", error)
            damaged = error
    if damaged is not None:
        raise damaged
    raise FileNotFoundError(
        f"{str(folder)!r} holds no {STATE_FILE}, nor a checkpoint that has one: a run writes it with its first "
        "checkpoint, and at its end."
    )
