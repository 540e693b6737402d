"""Measures a cheap baseline on the splits of a run, beside its model: it shows whether the network earns its place."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..metrics.base import LOWER_IS_BETTER
from ..runs.kinds import find_kind


__all__ = ["Baseline", "Fit", "comparison_lines", "measure_baselines"]


logger = logging.getLogger(__name__)

MEASURED = ("validation", "test")


@dataclass(frozen=True)
class Baseline:
    """The figures that a baseline reached.

    Attributes:
        name: What it is called, such as `TF-IDF + logistic regression`.
        metrics: Split → figures, by the metrics of the run.
        options: What was chosen for it, such as the strength of its regularisation.
    """

    name: str
    metrics: Mapping[str, Mapping[str, float]]
    options: Mapping[str, Any] = field(default_factory=dict)


# Given the splits that are to be measured, fits a baseline on the training rows, chooses on validation, and measures.
Fit = Callable[[Collection[str]], Baseline]


def measure_baselines(fits: Sequence[Fit], metrics: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]] | None:
    """The baselines on the splits that the model was measured on, as `results.json` records them.

    One that cannot be computed is said in a warning, and the others are computed.

    Args:
        fits: Those of the task.
        metrics: Split → figures of the model; the training rows, which tell nothing, are passed over.

    Returns:
        An entry for each baseline; None: there is none, or nothing was measured.
    """
    splits = [split for split in MEASURED if split in metrics]
    found = []
    for fit in fits if splits else ():
        started = time.perf_counter()
        try:
            baseline = fit(splits)
        except (ImportError, ValueError, ArithmeticError, MemoryError) as error:
            logger.warning(
                "A baseline to compare with was not computed: %s The results of the run are complete without it; "
                "--baseline false leaves baselines out.",
                str(error).rstrip(".") + ".",
            )
            continue
        if "train_rows" in baseline.options:
            rows = f"{baseline.options['train_rows']:,}"
            logger.warning("%s learned from %s of the training rows, to take seconds.", baseline.name, rows)
        found.append(
            {
                "name": baseline.name,
                "metrics": {split: dict(figures) for split, figures in baseline.metrics.items()},
                "seconds": round(time.perf_counter() - started, 2),
                "options": dict(baseline.options),
            }
        )
    return found or None


def comparison_lines(results: Mapping[str, Any]) -> list[str]:
    """Say of each split what the baselines and the model reached, such as
    `validation accuracy: TF-IDF + logistic regression 0.870 · this model 0.910`.

    Args:
        results: The document in `results.json`.
    """
    baselines = results.get("baselines") or []
    lines = []
    for split in (split for split in MEASURED if split in results["metrics"]):
        metric = _shown_metric(results, split, baselines)
        if metric is None:
            continue
        reached = [(each["name"], each["metrics"].get(split, {})) for each in baselines]
        reached.append(("this model", results["metrics"][split]))
        shown = (f"{name} {_number(figures[metric])}" for name, figures in reached if metric in figures)
        less = " (less is better)" if metric in LOWER_IS_BETTER else ""
        lines.append(f"{split} {metric.replace('_', ' ')}{less}: {' · '.join(shown)}")
    return lines


def _shown_metric(results: Mapping[str, Any], split: str, baselines: Sequence[Mapping[str, Any]]) -> str | None:
    """The metric that chose the checkpoint, or else the first of the task's, that both have; no loss, of which each
    model has its own.
    """
    kind = find_kind(results["task"])
    selection = results["training"]["selection"] or {}
    names = [selection.get("metric"), *(metric for _, of_split, metric in kind.figures if of_split == split)]
    names += kind.selects.values()
    in_both = [
        name
        for name in names
        if name in results["metrics"][split] and any(name in each["metrics"].get(split, {}) for each in baselines)
    ]
    return next((name for name in in_both if name != "loss"), None)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
