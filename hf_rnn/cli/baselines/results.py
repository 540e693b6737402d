"""Writes the results.json of a baseline, which has the form of a training's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...data.readers.sources import SourceArguments
from ...runs.describe import non_default_arguments
from ...runs.folder import RESULTS_FILE
from ...runs.results import build_results, write_results
from ...tasks.arguments import ReportArguments


__all__ = ["write_baseline_results"]


def write_baseline_results(
    output_dir: str,
    *,
    task: str,
    model: Mapping[str, Any],
    metrics: Mapping[str, Mapping[str, float]],
    selected_by: str,
    minutes: float,
    dataset_name: str,
    splits: Mapping[str, int],
    notes: Iterable[str | None],
    data: SourceArguments,
    report: ReportArguments,
    recorded: Sequence[Any],
    recipe: str | None,
) -> Path:
    """Write `results.json` into `output_dir`.

    Args:
        task: The pipeline's name of it.
        model: The section on the model.
        metrics: Split → figures.
        selected_by: The metric on validation by which the model was chosen.
        minutes: The time that fitting took.
        dataset_name: The Hub id, or the training file as it was given.
        splits: Split → number of rows or tokens.
        notes: Sentences on the data and the figures, after those of `report`; None is left out.
        recorded: The dataclasses whose flags are recorded where they differ from the defaults.
        recipe: What results call the recipe.

    Returns:
        The path of the file.
    """
    results = build_results(
        task=task,
        name=report.report_name or Path(output_dir).name,
        model=dict(model),
        dataset={
            "name": report.dataset_title or dataset_name,
            "hub_id": report.dataset_hub_id or data.dataset_name,
            "source": data.train_file,
            "splits": dict(splits),
            "notes": " ".join(filter(None, (report.dataset_notes, *notes))),
        },
        metrics={split: dict(figures) for split, figures in metrics.items()},
        training={
            "minutes": minutes,
            "selection": {"split": "validation", "metric": selected_by},
            "arguments": non_default_arguments(*recorded),
        },
        recipe=recipe,
    )
    return write_results(results, Path(output_dir) / RESULTS_FILE)
