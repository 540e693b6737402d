"""Measures what truncated back-propagation takes: memory and time of training on one long text."""

from __future__ import annotations

import json
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..runs.markdown import markdown_table
from .document import ONE_THREAD, Document, cautions, describe_origin, other_load_cores, read_measured, write_document
from .truncation_worker import LAYERS, UNITS
from .workers.parent import Worker


__all__ = ["TruncationArguments", "measure_truncation", "read_truncation", "truncation_table"]


SCHEMA_VERSION = 1
WORKER = "hf_rnn.benchmark.truncation_worker"
LENGTHS, QUICK_LENGTHS = (10_000, 30_000, 100_000), (200,)
CHUNKS, QUICK_CHUNKS = (None, 4_096, 512, 128), (None, 50)
NETWORK = f"{LAYERS} bidirectional LSTM layers of {UNITS} units in each direction, a classifier"
METHOD = (
    "Each row and length has a process of its own, with one thread, that reads one text of random tokens and computes "
    "the gradient of a classifier's loss; `rounds` times after once that does not count. Denormals are flushed, "
    "as in training. The time is the median; the memory is the most that the process held, less what it held before."
)


@dataclass
class TruncationArguments:
    """The file of the figures."""

    output: str = field(default="model_cards/benchmarks/truncation.json", metadata={"help": "JSON file to write."})
    quick: bool = field(
        default=False, metadata={"help": "Show on a few tokens that it works; the figures mean nothing."}
    )

    def __post_init__(self) -> None:
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")


def measure_truncation(arguments: TruncationArguments) -> Document:
    """Measure, and write `arguments.output`.

    Returns:
        The document in it.

    Raises:
        WorkerError: a process failed; the message says how.
    """
    lengths, chunks = (QUICK_LENGTHS, QUICK_CHUNKS) if arguments.quick else (LENGTHS, CHUNKS)
    rounds = 1 if arguments.quick else 3
    origin = describe_origin()
    load_before = other_load_cores()
    measured = [
        {"bptt_steps": steps, "tokens": tokens, **_measure(steps, tokens, rounds)}
        for steps in chunks
        for tokens in lengths
    ]
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "other_load_cores": {"before": load_before, "after": other_load_cores()},
        "threads": ONE_THREAD,
        "network": NETWORK,
        "method": METHOD,
        "rounds": rounds,
        "measured": measured,
    }
    write_document(document, Path(arguments.output))
    return document


def _measure(steps: int | None, tokens: int, rounds: int) -> dict[str, Any]:
    given = {"bptt_steps": steps, "tokens": tokens, "rounds": rounds, "threads": ONE_THREAD}
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(["-m", WORKER, json.dumps(given)], Path(folder, "log"), ONE_THREAD, name=f"{tokens} tokens")
        try:
            answer = worker.receive()
        finally:
            worker.stop()
    return {**answer, "median_seconds": statistics.median(answer["seconds"])}


def read_truncation(path: Path) -> Document:
    """Read what `measure_truncation` wrote.

    Raises:
        ValueError: it is of another version, or a quick run, which measures nothing.
    """
    return read_measured(path, SCHEMA_VERSION)


def truncation_table(document: Document) -> str:
    """The memory and the time of each length, with a line that says what was measured."""
    measured = document["measured"]
    lengths = sorted({row["tokens"] for row in measured})
    rows = []
    for steps in dict.fromkeys(row["bptt_steps"] for row in measured):
        own = {row["tokens"]: row for row in measured if row["bptt_steps"] == steps}
        cells = [f"{own[tokens]['megabytes']:,.0f} MB, {own[tokens]['median_seconds']:.1f} s" for tokens in lengths]
        rows.append(["whole text" if steps is None else f"`--bptt_steps {steps}`", *cells])
    titles = [["", *(f"{tokens:,} tokens" for tokens in lengths)], ["---", *["---:"] * len(lengths)]]
    table = markdown_table(titles + rows)
    machine = document["machine"]
    return (
        f"{table}\n{cautions(document)}{document['network']}; one thread; {machine['cpu']}; {document['date'][:10]}.\n"
    )
