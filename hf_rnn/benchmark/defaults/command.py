"""Runs the default command in a process of its own, as a stranger would, and reads what it left."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...data.readers.conll import read_conll
from ...runs.folder import PREDICTIONS_FILE, RESULTS_FILE, TAGS_FILE
from ...runs.results import read_results
from ..document import ONE_THREAD
from ..workers.parent import environment
from .corpora import Corpus
from .figures import figure_of


__all__ = ["CommandError", "command_line", "read_run", "run_default"]


class CommandError(RuntimeError):
    """The default command failed; the message holds its last words."""


def command_line(corpus: Corpus, train: str, held_out: str) -> list[str]:
    """The words after `hf-rnn`: files, and what the command cannot know of the data. Nothing is tuned."""
    return ["train", corpus.data_kind.task, train, "--test_file", held_out, *corpus.flags]


def run_default(corpus: Corpus, train: Path, held_out: Path, flags: Sequence[str] = ()) -> dict[str, Any]:
    """Train by the default command on one thread, in the folder of `train`.

    Args:
        flags: Further words, where something else than the default is measured.

    Returns:
        `command`; `seconds` from its start to its end, measuring and its own baselines included;
        and what [`read_run`] gives.

    Raises:
        CommandError: it ended with an error.
    """
    folder = train.parent
    words = [*command_line(corpus, train.name, held_out.name), *flags]
    log = folder / "command.log"
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "hf_rnn", *words],
            cwd=folder,
            env=environment(ONE_THREAD),
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    seconds = time.perf_counter() - started
    command = " ".join(["hf-rnn", *words])
    found = sorted(folder.glob(f"runs/*/{RESULTS_FILE}"))
    if done.returncode != 0 or len(found) != 1:
        last = log.read_text(encoding="utf-8", errors="replace").split("\n")[-4:]
        raise CommandError(f"`{command}` ended with code {done.returncode}; its last words: {' / '.join(last)}")
    return {"command": command, "seconds": round(seconds, 1), **read_run(corpus, found[0].parent)}


def read_run(corpus: Corpus, folder: Path) -> dict[str, Any]:
    """Read what a run left of the part that was measured on, which it calls its test split.

    Returns:
        `figure`, its `standard_error` (None of a language model), `size_bytes`, `minutes` of training, the `rows` that
        it trained on and those that it chose by, `arguments` that differ from the defaults, and its `baselines`.
    """
    results = read_results(folder / RESULTS_FILE)
    kind = corpus.data_kind
    figure = kind.figure(results["metrics"]["test"])
    if figure is None:
        raise CommandError(
            f"results.json has none of {', '.join(kind.metrics)} of the test split; it has "
            f"{', '.join(results['metrics']['test'])}."
        )
    rows = results["dataset"]["splits"]
    return {
        "figure": figure,
        "standard_error": None if corpus.is_text else figure_of(corpus.kind, *_predictions(corpus, folder))[1],
        "size_bytes": results["model"]["size_bytes"],
        "parameters": results["model"]["parameters"],
        "minutes": results["training"]["minutes"],
        "rows": {split: rows[split] for split in ("train", "validation") if split in rows},
        "arguments": results["training"]["arguments"],
        "baselines": [_baseline(each, corpus) for each in results.get("baselines") or []],
    }


def _baseline(recorded: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    return {
        "name": recorded["name"],
        "figure": corpus.data_kind.figure(recorded["metrics"]["test"]),
        "seconds": recorded["seconds"],
        "options": recorded["options"],
    }


def _predictions(corpus: Corpus, folder: Path) -> tuple[list[Any], list[Any]]:
    """The true answers and those of the model, a row each."""
    if corpus.kind == "tags":
        path = str(folder / TAGS_FILE)
        true, said = read_conll(path, tag_column=1), read_conll(path, tag_column=2)
        return true["ner_tags"][:], said["ner_tags"][:]
    with (folder / PREDICTIONS_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answer = next(name for name in ("probability", "similarity", "prediction") if name in rows[0])
    return [row["label"] for row in rows], [row[answer] for row in rows]
