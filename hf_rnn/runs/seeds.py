"""One results document of several runs that differ in nothing but their seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from .results import ResultsError, validate_results


__all__ = ["combine_seeds"]


# Repeated runs may differ in these at most.
_OF_A_RUN = ("seed", "data_seed")


def combine_seeds(runs: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """The means of the runs' figures and minutes; `runs` of the document says what each one had.

    Args:
        runs: results documents of the same recipe, each with a seed of its own.
        name: the name of the result.

    Raises:
        ResultsError: fewer than two runs, a seed that occurs twice, or runs that differ in anything else; names it.
    """
    if len(runs) < 2:
        raise ResultsError(f"`runs` must be at least two results, not {len(runs)}")
    for run in runs:
        validate_results(run)
    seeds = [run["training"]["seed"] for run in runs]
    if None in seeds or len(set(seeds)) < len(seeds):
        raise ResultsError(f"`training.seed` must be another in each run; they are {seeds}")
    first = runs[0]
    for run in runs[1:]:
        _same(_comparable(first), _comparable(run), "")
    combined = {key: value for key, value in first.items() if key != "metrics"}
    return validate_results(
        combined
        | {
            "name": name,
            "model": first["model"] | {"size_bytes": max(run["model"]["size_bytes"] for run in runs)},
            "metrics": _means([run["metrics"] for run in runs]),
            "baselines": _same_baselines(runs),
            "training": first["training"] | {"minutes": round(statistics.fmean(_minutes(runs)), 2)},
            "dirty": any(run["dirty"] for run in runs),
            "date": max(run["date"] for run in runs),
            "seeds": len(runs),
            "runs": [
                {"seed": seed, "minutes": minutes, "commit": run["commit"], "metrics": run["metrics"]}
                for seed, minutes, run in zip(seeds, _minutes(runs), runs, strict=True)
            ],
        }
    )


def _minutes(runs: Sequence[dict[str, Any]]) -> list[float]:
    return [run["training"]["minutes"] for run in runs]


def _comparable(run: dict[str, Any]) -> dict[str, Any]:
    training = {
        "arguments": {key: value for key, value in run["training"]["arguments"].items() if key not in _OF_A_RUN},
        "selection": run["training"]["selection"],
    }
    model = {key: value for key, value in run["model"].items() if key != "size_bytes"}
    dataset = {key: value for key, value in run["dataset"].items() if key != "notes"}
    metrics = {split: dict.fromkeys(figures) for split, figures in run["metrics"].items()}
    whole = {"task": run["task"], "recipe": run["recipe"]}
    return whole | {"model": model, "dataset": dataset, "training": training, "metrics": metrics}


def _same(one: Any, other: Any, path: str) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            _same(one.get(key, "absent"), other.get(key, "absent"), f"{path}{key}.")
    elif one != other:
        raise ResultsError(
            f"`{path[:-1]}` must be the same in all runs; it is {one!r} in one and {other!r} in another"
        )


def _same_baselines(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The baselines of the first run; None unless all runs had the same figures of them."""
    found = [[(baseline["name"], baseline["metrics"]) for baseline in run.get("baselines") or []] for run in runs]
    return runs[0].get("baselines") if all(each == found[0] for each in found) else None


def _means(metrics: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        split: {name: statistics.fmean(each[split][name] for each in metrics) for name in figures}
        for split, figures in metrics[0].items()
    }
