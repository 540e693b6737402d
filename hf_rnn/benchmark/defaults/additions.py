"""What each part of the default command adds: the same rows with one part left out, or one put in, at a time."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...runs.markdown import markdown_table
from ...runs.provenance import provenance
from ..document import ONE_THREAD, Document, other_load_cores
from .cells import Cell, chosen_cells
from .command import run_default
from .corpora import find_corpus
from .kinds import KINDS
from .reading import write_part
from .splitting import SEED, Parts


__all__ = ["CHANGES", "Change", "additions_table", "collect_additions", "measure_additions"]


SCHEMA_VERSION = 1
TEXTS, PAIRS, TAGS = ("classes", "numbers"), ("pair_labels", "pair_scores"), ("tags",)


@dataclass(frozen=True)
class Change:
    """One thing that is done otherwise than the command does it by default.

    Attributes:
        key: Its name in the document.
        heading: That of its column.
        flags: What the command is told.
        kinds: The kinds of data that have the part.
    """

    key: str
    heading: str
    flags: tuple[str, ...]
    kinds: tuple[str, ...]


CHANGES = (
    Change("default", "default", (), (*TEXTS, *PAIRS, *TAGS)),
    Change("scratch", "random weights", ("--from_scratch", "true"), (*TEXTS, *PAIRS, *TAGS)),
    Change("narrow", "no wide part", ("--config_overrides", '{"wide_buckets": null}'), TEXTS),
    Change("apart", "each text read alone", ("--read_together", "false"), PAIRS),
    Change("averaged", "weights averaged", ("--weight_average_decay", "0.99"), (*TEXTS, *PAIRS, *TAGS)),
)


def measure_additions(cell: Cell, parts: Parts) -> dict[str, Any]:
    """Train by the default command, and once with each change, on the rows of a cell.

    Returns:
        `corpus`, `size` and how many rows there were; `changes` with `figure`, `standard_error` and `seconds` of each;
        and where it was measured.

    Raises:
        CommandError: the command failed.
    """
    corpus = cell.corpus
    train = parts.train if cell.size is None else parts.train.first(cell.size)
    origin, load = provenance(()), other_load_cores()
    changes = {}
    with tempfile.TemporaryDirectory(prefix="hf_rnn_additions_") as name:
        for change in CHANGES:
            if corpus.kind not in change.kinds:
                continue
            folder = Path(name) / change.key
            folder.mkdir()
            learned = write_part(train, corpus, folder, "train")
            measured_on = write_part(parts.held_out, corpus, folder, "held_out")
            run = run_default(corpus, learned, measured_on, change.flags)
            changes[change.key] = {each: run[each] for each in ("command", "figure", "standard_error", "seconds")}
    return {
        "schema_version": SCHEMA_VERSION,
        "corpus": corpus.key,
        "size": cell.label,
        "train_size": train.size,
        "held_out_size": parts.held_out.size,
        "changes": changes,
        "seed": SEED,
        "threads": ONE_THREAD,
        "other_load_cores": round(load, 2),
        **origin,
    }


def collect_additions(folder: Path) -> Document:
    """Read the cells of `folder` that were measured, in the order of the corpora.

    Raises:
        ValueError: there is none.
    """
    files = [cell.file(folder) for cell in chosen_cells(None, "by-corpus")]
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]
    if not cells:
        raise ValueError(f"`output`={str(folder)!r} holds no measured cell; measure some first.")
    return {"schema_version": SCHEMA_VERSION, "cells": cells}


def additions_table(document: Document) -> str:
    """A row of each cell, a column of each change, as Markdown."""
    cells: Iterable[Mapping[str, Any]] = document["cells"]
    lines = [
        ["Corpus", "Learned from", "Figure", *(change.heading for change in CHANGES)],
        ["---", "---:", "---", *["---:"] * len(CHANGES)],
    ]
    for cell in cells:
        corpus = find_corpus(cell["corpus"])
        figures = (_figure(cell["changes"].get(change.key)) for change in CHANGES)
        lines.append([corpus.title, f"{cell['train_size']:,}", KINDS[corpus.kind].heading, *figures])
    origin = {(cell["date"][:10], (cell["commit"] or "unknown")[:8]) for cell in cells}
    where = "; ".join(f"{date}, code of {commit}" for date, commit in sorted(origin))
    flags = ", ".join(f"{change.heading}: `{shlex.join(change.flags)}`" for change in CHANGES if change.flags)
    return (
        f"{markdown_table(lines)}\n`hf-rnn train` with no flag but this one at a time: {flags}. Figures on "
        "held-out rows of the training parts, ± their standard error; one seed, one thread; "
        f"{where}.\n"
    )


def _figure(measured: Mapping[str, Any] | None) -> str:
    return "" if measured is None else f"{measured['figure']:.3f} ± {measured['standard_error']:.3f}"
