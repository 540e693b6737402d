"""Measures the compared models: every round asks each of them in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ...runs.kinds import find_kind
from ..document import Record
from ..workers.parent import Worker
from .checkpoints import Candidate
from .libraries.spacy_ner import retyped
from .test_set import TestSet


__all__ = ["FULL", "QUICK", "Effort", "measure", "start_model"]


WORKER = f"{__package__}.worker"


@dataclass(frozen=True)
class Effort:
    """The amount that is measured.

    Attributes:
        latency_texts: Texts that are answered alone; a few before them warm up.
        latency_rounds: How often each of them is.
        throughput_texts: Texts that are answered together.
        throughput_rounds: How often they are, after a round that warms up.
        loads: How often the checkpoint is loaded, after a time that fills the disk's cache.
        quality_texts: Texts that quality is measured on; None for the whole test set.
    """

    latency_texts: int
    latency_rounds: int
    throughput_texts: int
    throughput_rounds: int
    loads: int
    quality_texts: int | None


FULL = Effort(
    latency_texts=200, latency_rounds=3, throughput_texts=1024, throughput_rounds=3, loads=3, quality_texts=None
)
QUICK = Effort(latency_texts=4, latency_rounds=1, throughput_texts=8, throughput_rounds=1, loads=1, quality_texts=16)
# Texts that one model answers before it is the next one's turn: noise of the machine lasts longer.
TURN = 20
# Texts of one answer about quality: a slow model has to answer before it is taken to hang.
PART = 256


def start_model(candidate: Candidate, task: str, folder: Path, threads: int | None) -> Worker:
    """A process that holds one model.

    Args:
        candidate: The model.
        task: The name of the task.
        folder: Holds the file of texts, and gets the logs.
        threads: The threads of batches; None: as torch and the compiled kernels choose.
    """
    model = {
        "folder": str(candidate.folder),
        "task": task,
        "texts": str(texts_file(folder)),
        "library": candidate.library,
    }
    command = ["-m", WORKER, json.dumps(model)]
    return Worker(command, folder / f"{candidate.name}.log", threads, name=candidate.name)


def texts_file(folder: Path) -> Path:
    """The file in which the processes find the texts of latency and throughput."""
    return folder / "texts.json"


def measure(
    candidates: Sequence[Candidate], test: TestSet, folder: Path, threads: int | None, effort: Effort
) -> dict[str, Record]:
    """Start a process for each model and measure them side by side.

    Returns:
        For each model what it said of itself, `load_seconds`, `milliseconds` (a list for each round), `seconds`,
        `texts` and `tokens` of throughput, `import_mb`, `peak_mb`, and `metrics` (None of random weights).

    Raises:
        WorkerError: a model failed; the message names it.
    """
    texts = {"latency": test.sample(effort.latency_texts), "throughput": test.sample(effort.throughput_texts)}
    texts_file(folder).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    with ExitStack() as stack:
        processes = {}
        for candidate in candidates:
            processes[candidate.name] = start_model(candidate, test.task, folder, threads)
            stack.callback(processes[candidate.name].stop)
        records: dict[str, Record] = {name: process.wait_until_ready() for name, process in processes.items()}
        loads = _rounds(processes, effort.loads, "loading", do="load")
        latencies = _latency(processes, len(texts["latency"]), effort.latency_rounds)
        passes = _rounds(processes, 1 + effort.throughput_rounds, "throughput", do="throughput")
        for candidate in candidates:
            name, process = candidate.name, processes[candidate.name]
            records[name] |= {
                "load_seconds": [answer["seconds"] for answer in loads[name]],
                "milliseconds": latencies[name],
                "seconds": [answer["seconds"] for answer in passes[name][1:]],
                "texts": passes[name][0]["texts"],
                "tokens": passes[name][0]["tokens"],
                **process.ask(do="memory"),
            }
            # Only now, so that what a long test set takes is no memory of the model.
            threshold = records[name].get("threshold")
            records[name]["metrics"] = None if candidate.random else _quality(candidate, process, test, threshold)
    return records


def _rounds(processes: dict[str, Worker], count: int, title: str, **command: Any) -> dict[str, list[dict[str, Any]]]:
    """Model → its answers, from asking each of them in turn, `count` times."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in processes}
    for _ in tqdm(range(count), desc=title):
        for name, process in processes.items():
            answers[name].append(process.ask(**command))
    return answers


def _latency(processes: dict[str, Worker], texts: int, rounds: int) -> dict[str, list[list[float]]]:
    """Model → the milliseconds of each text in each round; the first turn is taken twice, to warm up."""
    _rounds(processes, 1, "warm-up", do="latency", start=0, stop=TURN)
    milliseconds: dict[str, list[list[float]]] = {name: [[] for _ in range(rounds)] for name in processes}
    for index in range(rounds):
        for start in tqdm(range(0, texts, TURN), desc=f"one text, round {index + 1} of {rounds}"):
            for name, process in processes.items():
                answer = process.ask(do="latency", start=start, stop=start + TURN)
                milliseconds[name][index] += answer["milliseconds"]
    return milliseconds


def _quality(candidate: Candidate, process: Worker, test: TestSet, threshold: float | None) -> dict[str, float]:
    """The metrics of the task on all of `test`; `threshold` is the model's own, of similarities."""
    predictions: list[Any] = []
    for start in tqdm(range(0, len(test.inputs), PART), desc=f"quality of {candidate.name}"):
        answer = process.ask(do="predict", inputs=test.inputs[start : start + PART])
        predictions += answer["predictions"]
    if candidate.types is not None:
        predictions = [retyped(tags, candidate.types) for tags in predictions]
    if find_kind(test.task).inputs == "text":
        # The logits have the order of the references' ids, whatever the model's own is; a regression has one number,
        # of any name.
        predictions = [[row[name] for name in test.label_names or row] for row in predictions]
    return test.metrics(predictions, threshold)
