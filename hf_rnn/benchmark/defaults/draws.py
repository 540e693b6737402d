"""Makes one record of a cell that was measured on several subsets of the training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import Any


__all__ = ["averaged"]


Record = Mapping[str, Any]


def averaged(draws: Sequence[Record]) -> dict[str, Any]:
    """Average the figures of several draws; what is no figure is that of the first.

    Args:
        draws: What was measured on each subset: `default`, `baselines` and `peers` of a cell.

    Returns:
        `default`, `baselines` and `peers` of the cell, with means of figures and times, and `draws`, the figures of
        each subset. A peer that failed on a subset has failed. The standard error s of a mean is
        s² = mean(s_i²) + var(figures) / draws: all subsets are measured on the same rows, so the first term stays.
    """
    defaults = [draw["default"] for draw in draws]
    peers = {key: _peer([draw["peers"][key] for draw in draws]) for key in draws[0]["peers"]}
    return {
        "default": _mean(defaults, ("figure", "seconds", "minutes")),
        "baselines": [_baseline(each["name"], draws) for each in draws[0]["baselines"]],
        "peers": peers,
        "draws": [_figures(draw) for draw in draws],
    }


def _mean(records: Sequence[Record], names: Sequence[str]) -> dict[str, Any]:
    means = {name: round(fmean(record[name] for record in records), 6) for name in names}
    merged = {**records[0], **means}
    if len(records) > 1 and merged.get("standard_error") is not None:
        within = fmean(record["standard_error"] ** 2 for record in records)
        merged["standard_error"] = math.sqrt(within + variance(record["figure"] for record in records) / len(records))
    return merged


def _baseline(name: str, draws: Sequence[Record]) -> dict[str, Any]:
    # One that could not be fitted on a subset counts where it could.
    found = [each for draw in draws for each in draw["baselines"] if each["name"] == name]
    return _mean(found, ("figure", "seconds"))


def _peer(records: Sequence[Record]) -> dict[str, Any]:
    failed = [record for record in records if record["status"] != "measured"]
    return dict(failed[0]) if failed else _mean(records, ("figure", "seconds"))


def _figures(draw: Record) -> dict[str, Any]:
    measured = {key: record["figure"] for key, record in draw["peers"].items() if record["status"] == "measured"}
    baselines = {each["name"]: each["figure"] for each in draw["baselines"]}
    return {"default": draw["default"]["figure"], "baselines": baselines, "peers": measured}
