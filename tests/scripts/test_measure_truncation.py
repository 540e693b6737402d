"""scripts/measure_truncation.py, run as people run it, and what it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.truncation import WORKER, TruncationArguments, read_truncation, truncation_table


def test_from_nothing_to_the_table_and_the_file(run_script: Callable[..., Any], tmp_path: Path) -> None:
    done = run_script("measure_truncation", "--quick", "--output", "out/t.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "t.json").read_text())
    assert [(row["bptt_steps"], row["tokens"]) for row in document["measured"]] == [(None, 200), (50, 200)]
    assert "| `--bptt_steps 50` | " in done.stdout and done.stdout.endswith("Wrote out/t.json.\n")
    with pytest.raises(ValueError, match="is of a quick run"):
        read_truncation(tmp_path / "out" / "t.json")


def test_chunks_hold_less_memory_than_the_whole_text(project: Path) -> None:
    def megabytes(steps: int | None) -> float:
        given = json.dumps({"bptt_steps": steps, "tokens": 8_000, "rounds": 1, "threads": 1})
        environment = {**os.environ, "PYTHONPATH": str(project)}
        command = [sys.executable, "-m", WORKER, given]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(json.loads(done.stdout)["megabytes"])

    assert megabytes(500) < 0.6 * megabytes(None)


def test_the_table_has_a_row_for_each_length_of_chunks() -> None:
    row = {"bptt_steps": None, "tokens": 1000, "megabytes": 1234.4, "median_seconds": 2.04, "seconds": [2.04]}
    document = {
        "quick": False,
        "compiled_kernels": True,
        "other_load_cores": {"before": 0.0, "after": 0.0},
        "machine": {"cpu": "a processor"},
        "date": "2026-01-02T03:04:05+00:00",
        "network": "a network",
        "measured": [row, {**row, "bptt_steps": 64, "megabytes": 99.6}],
    }
    assert truncation_table(document) == (
        "|  | 1,000 tokens |\n| --- | ---: |\n| whole text | 1,234 MB, 2.0 s |\n"
        "| `--bptt_steps 64` | 100 MB, 2.0 s |\n"
        "\na network; one thread; a processor; 2026-01-02.\n"
    )


def test_the_file_must_be_json() -> None:
    with pytest.raises(ValueError, match="`output`='a.txt' must be the name of a .json file"):
        TruncationArguments(output="a.txt")
