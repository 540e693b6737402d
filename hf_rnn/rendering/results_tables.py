"""`results.json` of several runs as one Markdown table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..metrics.base import LOWER_IS_BETTER
from ..runs.kinds import find_kind
from ..runs.markdown import markdown_table
from ..tasks.recipes import recorded_name


__all__ = ["Results", "results_table"]


Results = dict[str, Any]


def _figure(results: Results, split: str, name: str) -> float | None:
    return results["metrics"].get(split, {}).get(name)


def _formatted(results: Results, split: str, name: str) -> str:
    """The figure, and of several seeds the lowest and the highest."""
    value = _figure(results, split, name)
    if value is None:
        return ""
    each = [run["metrics"][split][name] for run in results["runs"] or []]
    return f"{value:.4f} ({min(each):.4f} to {max(each):.4f})" if each else f"{value:.4f}"


Column = tuple[str, str, Callable[[Results], str]]


def _columns(figures: Sequence[tuple[str, str, str]], recipes: bool) -> list[Column]:
    measured: list[Column] = [
        (heading, "---:", partial(_formatted, split=split, name=name)) for heading, split, name in figures
    ]
    return [
        ("Model", "---", lambda r: f"`{r['name']}`"),
        ("Parameters", "---:", lambda r: f"{r['model']['parameters']:,}"),
        ("Size on disk", "---:", lambda r: f"{r['model']['size_bytes'] / 1e6:.1f} MB"),
        *measured,
        ("Minutes to train", "---:", lambda r: f"{r['training']['minutes']:.1f}"),
        ("Threads", "---:", lambda r: str(r["training"]["threads"])),
        ("Seeds", "---:", lambda r: str(r["seeds"])),
        *([("Recipe", "---", _recipe)] if recipes else []),
    ]


def _recipe(results: Results) -> str:
    # Results of 0.1 name the folder that the recipes were in then.
    return f"[{Path(results['recipe']).name}]({recorded_name(results['recipe'])})" if results["recipe"] else ""


def results_table(rows: list[Results], *, recipes: bool = True) -> str:
    """A Markdown table of results of one task, best first; those without a test figure come last.

    The baselines that the runs have measured follow, each once: runs on one split have them in common.

    Args:
        recipes: Whether a column links to the recipes, as seen from the root of the project.
    """
    of_task = find_kind(rows[0]["task"]).figures
    figures = [column for column in of_task if any(_figure(r, *column[1:]) is not None for r in rows)] or of_task
    _, split, name = figures[0]

    def rank(results: Results) -> tuple[bool, float, str]:
        value = _figure(results, split, name)
        missing, figure = value is None, value or 0.0
        return missing, figure if name in LOWER_IS_BETTER else -figure, results["name"]

    ordered = sorted(rows, key=rank)
    shown = _columns(figures, recipes)
    lines = [[heading for heading, _, _ in shown], [alignment for _, alignment, _ in shown]]
    lines += [[cell(results) for _, _, cell in shown] for results in ordered]
    return markdown_table([*lines, *_baseline_lines(ordered, figures, len(shown))])


def _baseline_lines(rows: list[Results], figures: Sequence[tuple[str, str, str]], width: int) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for baseline in (each for results in rows for each in results.get("baselines") or []):
        cells = [_formatted({"metrics": baseline["metrics"], "runs": None}, *column[1:]) for column in figures]
        # The name, its figures below those of the models, and nothing of sizes and minutes.
        line = [baseline["name"], "", "", *cells]
        found.setdefault(baseline["name"], line + [""] * (width - len(line)))
    return list(found.values())
