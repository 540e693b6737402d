"""Measures one cell: the default command first, and then each peer in a process of its own, on the same rows."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from ...runs.provenance import provenance
from ..document import ONE_THREAD, other_load_cores
from ..workers.parent import Worker, WorkerError, WorkerTimeoutError
from .cells import Cell
from .command import run_default
from .draws import averaged
from .figures import figure_of
from .peers.base import Problem
from .peers.table import PACKAGES, PEERS, Peer, missing
from .reading import write_part
from .report import SCHEMA_VERSION
from .splitting import SEED, Part, Parts, drawn_part


__all__ = ["measure_cell"]


WORKER = f"{__package__}.worker"


def measure_cell(cell: Cell, parts: Parts) -> dict[str, Any]:
    """Measure the default command and the peers.

    Args:
        parts: What is learned from, of which the cell takes a subset, or several, and what is measured on.

    Returns:
        The document of the cell (`report.CELL`).

    Raises:
        CommandError: the default command failed. A peer that fails is recorded as failed.
    """
    started = time.perf_counter()
    corpus = cell.corpus
    drawn = [drawn_part(parts.train, corpus, cell.size, number) for number in range(cell.draws)]
    origin, load = provenance(PACKAGES), other_load_cores()
    measured = averaged([_measure_draw(cell, train, parts.held_out) for train in drawn])
    return {
        "schema_version": SCHEMA_VERSION,
        "corpus": corpus.key,
        "kind": corpus.kind,
        "size": cell.label,
        "train_size": drawn[0].size,
        "held_out_size": parts.held_out.size,
        **measured,
        "seed": SEED,
        "threads": ONE_THREAD,
        "minutes": round((time.perf_counter() - started) / 60, 2),
        "other_load_cores": round(load, 2),
        **origin,
    }


def _measure_draw(cell: Cell, train: Part, held_out: Part) -> dict[str, Any]:
    """`default`, `baselines` and `peers` of one subset."""
    corpus = cell.corpus
    with tempfile.TemporaryDirectory(prefix="hf_rnn_defaults_") as name:
        folder = Path(name)
        learned = write_part(train, corpus, folder, "train")
        default = run_default(corpus, learned, write_part(held_out, corpus, folder, "held_out"))
        baselines = default.pop("baselines")
        peers = {
            peer.key: measure_peer(peer, cell, train, held_out, folder) for peer in PEERS if corpus.kind in peer.kinds
        }
    return {"default": default, "baselines": baselines, "peers": peers}


def measure_peer(peer: Peer, cell: Cell, train: Part, held_out: Part, folder: Path) -> dict[str, Any]:
    """Measure one peer.

    Returns:
        `status`: `measured` with its figures, `missing` with what to install, `slow` or `failed` with the reason.
    """
    gap = missing(peer)
    if gap is not None:
        return {"status": "missing", **gap}
    problem = Problem(cell.corpus.kind, cell.corpus.language, train.inputs, train.labels, held_out.inputs)
    files = {"problem": folder / f"{peer.key}.problem.json", "answers": folder / f"{peer.key}.answers.json"}
    files["problem"].write_text(json.dumps(vars(problem), ensure_ascii=False), encoding="utf-8")
    job = {"peer": peer.key, **{what: str(path) for what, path in files.items()}}
    process = Worker(["-m", WORKER, json.dumps(job)], folder / f"{peer.key}.log", ONE_THREAD, name=peer.key)
    try:
        process.wait_until_ready()
        record = process.ask(do="solve")
    except WorkerTimeoutError as error:
        return {"status": "slow", "reason": str(error)}
    except WorkerError as error:
        return {"status": "failed", "reason": str(error)}
    finally:
        process.stop()
    answers = json.loads(files["answers"].read_text(encoding="utf-8"))
    figure, standard_error = figure_of(cell.corpus.kind, held_out.labels, answers)
    return {
        "status": "measured",
        "figure": figure,
        "standard_error": standard_error,
        "seconds": round(record["seconds"], 2),
        "size_bytes": record["size_bytes"],
        "options": record["options"],
    }
