"""`model_cards/defaults/defaults.json`: its schema, and how it is made of the cells that were measured."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...runs.results import ResultsError, check_finite, check_schema
from ..document import Document, write_document
from .cells import chosen_cells
from .corpora import find_corpus
from .peers.table import PEERS


__all__ = [
    "CELL",
    "SCHEMA_VERSION",
    "best_cheap",
    "collect_cells",
    "read_cell",
    "read_defaults",
    "verdict",
    "write_cell",
]


SCHEMA_VERSION = 2
# What was the same for many cells stands once in the document.
ORIGIN: dict[str, Any] = {"machine": dict, "versions": dict, "commit": str | None, "dirty": bool | None}
FIGURES: dict[str, Any] = {
    "schema_version": int,
    "corpus": str,
    "kind": str,
    # "50", "200" … or "all"; rows, or characters of a long text
    "size": str,
    "train_size": int,
    "held_out_size": int,
    "default": {
        "command": str,
        "seconds": float,
        "minutes": float,
        "figure": float,
        "standard_error": float | None,
        "size_bytes": int,
        "parameters": int,
        "rows": dict,
        "arguments": dict,
    },
    # those that the command itself printed
    "baselines": list,
    "peers": dict,
    # the figures of each subset of rows, of which those above are the means
    "draws": list,
    "seed": int,
    "threads": int,
    "minutes": float,
    "other_load_cores": float,
    "date": str,
}
CELL: dict[str, Any] = FIGURES | ORIGIN
DRAW: dict[str, Any] = {"default": float, "baselines": dict, "peers": dict}
BASELINE: dict[str, Any] = {"name": str, "figure": float, "seconds": float, "options": dict}
PEER: dict[str, dict[str, Any]] = {
    "measured": {
        "status": str,
        "figure": float,
        "standard_error": float,
        "seconds": float,
        "size_bytes": int | None,
        "options": dict,
    },
    "missing": {"status": str, "reason": str, "install": str},
    # it did not answer within ten minutes
    "slow": {"status": str, "reason": str},
    "failed": {"status": str, "reason": str},
}


def write_cell(cell: Mapping[str, Any], path: Path) -> None:
    """Validate a cell, and write it at once or not at all.

    Raises:
        ResultsError: it does not follow the schema.
    """
    part = path.with_name(f"{path.name}.part")
    write_document(_checked_cell(dict(cell), CELL), part)
    os.replace(part, path)


def read_cell(path: Path) -> dict[str, Any]:
    """The validated cell at `path`.

    Raises:
        ResultsError: it is not JSON, or does not follow the schema.
    """
    return _checked_cell(_json(path), CELL, str(path))


def collect_cells(folder: Path) -> Document:
    """Make one document of all cells in a folder, in the order of the corpora and their sizes.

    Raises:
        ValueError: no cell is there.
        ResultsError: a cell does not follow the schema.
    """
    found = [read_cell(cell.file(folder)) for cell in chosen_cells(None, "by-corpus") if cell.file(folder).is_file()]
    if not found:
        raise ValueError(f"`output`={str(folder)!r} holds no cell; measure some with --data FOLDER first.")
    origins: list[dict[str, Any]] = []
    cells = []
    for cell in found:
        origin = {name: cell.pop(name) for name in ORIGIN}
        # How many threads this process would take says nothing of those that measured.
        origin["machine"].pop("torch_threads", None)
        if origin not in origins:
            origins.append(origin)
        cells.append({**cell, "origin": origins.index(origin)})
    return {"schema_version": SCHEMA_VERSION, "origins": origins, "cells": cells}


def read_defaults(path: Path) -> Document:
    """The validated document at `path`.

    Raises:
        ResultsError: it is not JSON, or does not follow the schema.
    """
    document = _json(path)
    check_schema(document, {"schema_version": int, "origins": list, "cells": list}, "")
    for index, origin in enumerate(document["origins"]):
        check_schema(origin, ORIGIN, f"origins.{index}.")
    for index, cell in enumerate(document["cells"]):
        _checked_cell(cell, FIGURES | {"origin": int}, f"cells.{index}")
    return dict(document)


def best_cheap(cell: Mapping[str, Any]) -> tuple[str, float, float] | None:
    """Name, figure and seconds of the best of all that only counts: what the command printed, and the cheap peers."""
    found = [(each["name"], each["figure"], each["seconds"]) for each in cell["baselines"]]
    for peer in (peer for peer in PEERS if peer.cheap):
        record = cell["peers"].get(peer.key, {"status": "absent"})
        if record["status"] == "measured":
            name = record["options"].get("name")
            found.append((f"{name}, all rows" if name else peer.label, record["figure"], record["seconds"]))
    sign = -1 if find_corpus(cell["corpus"]).data_kind.less_is_better else 1
    return max(found, key=lambda each: sign * each[1], default=None)


def verdict(cell: Mapping[str, Any]) -> str | None:
    """`better`, `even` or `worse`: where the default stands beside the best cheap baseline. It is even with it where
    they differ by no more than one standard error of the default's figure; None: there is no baseline.
    """
    best = best_cheap(cell)
    if best is None:
        return None
    default = cell["default"]
    less = find_corpus(cell["corpus"]).data_kind.less_is_better
    ahead = (best[1] - default["figure"]) if less else (default["figure"] - best[1])
    if abs(ahead) <= (default["standard_error"] or 0.0):
        return "even"
    return "better" if ahead > 0 else "worse"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ResultsError(f"{path} is not JSON: {error}") from error


def _checked_cell(cell: Any, schema: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    before = f"{place}: " if place else ""
    check_schema(cell, schema, before)
    if cell["schema_version"] != SCHEMA_VERSION:
        raise ResultsError(f"{before}`schema_version` must be {SCHEMA_VERSION}, not {cell['schema_version']}")
    for index, baseline in enumerate(cell["baselines"]):
        check_schema(baseline, BASELINE, f"{before}baselines.{index}.")
    for index, draw in enumerate(cell["draws"]):
        check_schema(draw, DRAW, f"{before}draws.{index}.")
    for key, record in cell["peers"].items():
        status = record.get("status")
        if status not in PEER:
            raise ResultsError(f"{before}`peers.{key}.status` must be one of {_names(PEER)}, not {status!r}")
        check_schema(record, PEER[status], f"{before}peers.{key}.")
    check_finite(cell, before)
    return dict(cell)


def _names(keys: Iterable[str]) -> str:
    return ", ".join(keys)
