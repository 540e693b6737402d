"""What was tried on the way to a published model: each trial's figure on validation, what helped and what did not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .markdown import markdown_table
from .results import ResultsError, check_schema


__all__ = ["collect_trials", "read_trials", "trials_table"]


SPLIT = "validation"
SCHEMA = {"dataset": str, "metrics": list, "trials": list}
TRIAL_SCHEMA = {
    "what": str,
    "values": dict,
    "minutes": float,
    "seeds": int,
    "parameters": int,
    "commit": str | None,
}


def collect_trials(trials: Sequence[tuple[str, Mapping[str, Any]]], metrics: Sequence[str]) -> dict[str, Any]:
    """Gather what trials reached on validation.

    Args:
        trials: What was tried, in words, and the `results.json` of its run, in the order to show.
        metrics: Names of the figures, such as `"f1"`.

    Raises:
        ResultsError: a run has no figure of such a name on validation; the message names both.
    """
    if not trials or not metrics:
        raise ResultsError(f"`trials` and `metrics` must be at least one; they are {len(trials)} and {len(metrics)}")
    rows = []
    for what, results in trials:
        figures = results["metrics"].get(SPLIT, {})
        for metric in metrics:
            if metric not in figures:
                raise ResultsError(
                    f"`metric`={metric!r} is not among the figures on {SPLIT} of {results['name']!r} "
                    f"({', '.join(sorted(figures)) or 'none'})"
                )
        rows.append(
            {
                "what": what,
                "values": {metric: figures[metric] for metric in metrics},
                "minutes": results["training"]["minutes"],
                "seeds": results["seeds"],
                "parameters": results["model"]["parameters"],
                "commit": results["commit"],
            }
        )
    return {"dataset": trials[0][1]["dataset"]["name"], "metrics": list(metrics), "trials": rows}


def read_trials(path: str | Path) -> dict[str, Any]:
    """Read what `scripts/collect_trials.py` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ResultsError: it is not such a document; the message names the field.
    """
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    check_schema(document, SCHEMA, "")
    for place, row in enumerate(document["trials"]):
        check_schema(row, TRIAL_SCHEMA, f"trials.{place}.")
        check_schema(row["values"], dict.fromkeys(document["metrics"], float), f"trials.{place}.values.")
    return dict(document)


def trials_table(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The trials as Markdown, a line each.

    Args:
        document: What `collect_trials` gathered.
        names: How the figures are called; one that is not in it keeps its name.
    """
    metrics = document["metrics"]
    heads = [f"{names.get(metric, metric)}, validation" for metric in metrics]
    lines = [["Tried", *heads, "Parameters", "Minutes", "Seeds"], ["---", *["---:"] * (len(metrics) + 3)]]
    for row in document["trials"]:
        figures = [f"{row['values'][metric]:.4f}" for metric in metrics]
        lines.append([row["what"], *figures, f"{row['parameters']:,}", f"{row['minutes']:.1f}", str(row["seeds"])])
    return markdown_table(lines)
