"""scripts/measure_one_text.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_from_nothing_to_the_tables_and_the_file(run_script: Callable[..., Any], tmp_path: Path) -> None:
    done = run_script("measure_one_text", "--quick", "--output", "out/one_text.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "one_text.json").read_text())
    assert document["quick"] and "bilstm-imdb" in document["answers"]
    assert "| The network alone | 16 tokens | 50 tokens |" in done.stdout
    assert done.stdout.endswith("Wrote out/one_text.json.\n")
