"""Results of forecasts of time series as one Markdown table: a row for each horizon, beside what needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..runs.markdown import markdown_table
from ..tasks.recipes import recorded_name


__all__ = ["TASK", "series_table", "series_titles"]


TASK = "time-series-forecasting"
# The figures in a cell, in this order.
FIGURES = ("mse", "mae")


def series_titles(results: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The results of forecasts by what was forecast: `ETTh1 univariate, 24 hours` belongs to `ETTh1 univariate`."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in results:
        if one["task"] == TASK:
            found.setdefault(one["dataset"]["name"].partition(",")[0], []).append(one)
    return found


def series_table(title: str, rows: Sequence[Mapping[str, Any]], published: Mapping[str, Any]) -> str:
    """A row for each horizon with the MSE and MAE on test of the model, of its baselines, and of published models.

    Args:
        title: What was forecast, as `series_titles` names it.
        rows: Its results, at least one.
        published: Name → what other papers give, by title and horizon.
    """
    ordered = sorted(rows, key=_horizon)
    baselines = list(dict.fromkeys(each["name"] for one in ordered for each in one["baselines"] or []))
    others = [name for name, figures in published.items() if title in figures]
    heads = ["Steps", *dict.fromkeys(_model(one) for one in ordered), *baselines]
    heads += [f"{name}, published; not measured here" for name in others]
    lines = [heads, ["---:"] * len(heads)]
    models = list(dict.fromkeys(map(_model, ordered)))
    for steps in dict.fromkeys(map(_horizon, ordered)):
        of_steps = [one for one in ordered if _horizon(one) == steps]
        cells = [_cell(next((one["metrics"] for one in of_steps if _model(one) == name), None)) for name in models]
        fitted = {each["name"]: each["metrics"] for one in of_steps for each in one["baselines"] or []}
        cells += [_cell(fitted.get(name)) for name in baselines]
        cells += [_cell({"test": published[name][title].get(str(steps), {})}) for name in others]
        lines.append([_linked(steps, of_steps), *_with_best(cells, len(models) + len(baselines))])
    return markdown_table(lines)


def _horizon(results: Mapping[str, Any]) -> int:
    return int(results["model"]["config"]["prediction_length"])


def _model(results: Mapping[str, Any]) -> str:
    return str(results["model"]["class"])


def _linked(steps: int, rows: Sequence[Mapping[str, Any]]) -> str:
    recipe = next((one["recipe"] for one in rows if one["recipe"]), None)
    return f"[{steps}]({recorded_name(recipe)})" if recipe else str(steps)


def _cell(metrics: Mapping[str, Any] | None) -> str:
    figures = (metrics or {}).get("test") or {}
    return " / ".join(f"{figures[name]:.3f}" for name in FIGURES if name in figures)


def _with_best(cells: list[str], measured: int) -> list[str]:
    """The cells with the lowest MSE of those that were measured here in bold."""
    filled = [cell for cell in cells[:measured] if cell]
    best = min(filled, key=lambda cell: float(cell.split(" ")[0]), default=None)
    return [f"**{cell}**" if index < measured and cell == best else cell for index, cell in enumerate(cells)]
