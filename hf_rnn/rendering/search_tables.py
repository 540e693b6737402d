"""`search.json` of a hyper-parameter search as Markdown: what was searched, what was found, what it is worth."""

from __future__ import annotations

from typing import Any

from ..runs.markdown import markdown_table


__all__ = ["search_tables"]


def search_tables(summary: dict[str, Any]) -> str:
    """A paragraph; the best value and the importance of each parameter; and, where they were compared, the best
    configuration beside the default on fresh seeds.
    """
    trials, minutes, objective = summary["trials"], summary["minutes"], summary["objective"]
    machine = summary["machine"]
    tables = [
        f"{trials['finished']} trials finished, {trials['pruned']} pruned and {trials['failed']} failed in "
        f"{minutes['study']:.1f} minutes ({minutes['processes']} processes, {minutes['trials']:.1f} minutes together; "
        f"{machine['cpu']}, {machine['cores']} cores). The best, trial {summary['best']['trial']}, had "
        f"{objective['metric']} {summary['best']['value']:.4f} on validation.\n",
        _parameters(summary),
    ]
    if summary["comparison"] is not None:
        tables.append(_comparison(summary["comparison"], objective["metric"]))
    return "\n".join(tables)


def _parameters(summary: dict[str, Any]) -> str:
    importance = summary["importance"] or {}
    lines = [["Parameter", "Searched", "Best", "Importance"], ["---", "---", "---:", "---:"]]
    for name, value in summary["best"]["parameters"].items():
        share = f"{importance[name]:.2f}" if name in importance else ""
        best = f"{value:.4g}" if isinstance(value, float) else str(value)
        lines.append([f"`{name}`", _range(summary["space"][name]), best, share])
    return markdown_table(lines)


def _range(dimension: dict[str, Any]) -> str:
    if "choices" in dimension:
        return ", ".join(map(str, dimension["choices"]))
    return f"{dimension['low']:g} to {dimension['high']:g}" + (" (log)" if dimension.get("log") else "")


def _comparison(comparison: dict[str, Any], metric: str) -> str:
    splits = [split for split in ("validation", "test") if split in comparison["best"]]
    heads = [f"{split.capitalize()} {metric}, mean ± deviation (lowest to highest)" for split in splits]
    lines = [["Configuration", *heads, "Seeds"], ["---", *["---:"] * len(splits), "---:"]]
    for name in ("best", "default"):
        cells = []
        for split in splits:
            found = comparison[name][split]
            ends = f"{min(found['values']):.4f} to {max(found['values']):.4f}"
            cells.append(f"{found['mean']:.4f} ± {found['standard_deviation']:.4f} ({ends})")
        lines.append([name, *cells, str(len(comparison["seeds"]))])
    return markdown_table(lines)
