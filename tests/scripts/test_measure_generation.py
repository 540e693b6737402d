"""scripts/measure_generation.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.export.language import save_language_model


def test_from_a_folder_to_the_tables_and_the_file(run_script: Callable[..., Any], tmp_path: Path) -> None:
    save_language_model(tmp_path / "tiny", "gru")
    done = run_script("measure_generation", "--model", "tiny", "--quick", "--output", "out/speed.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "speed.json").read_text())
    assert document["model"]["class"] == "GruForCausalLM"
    assert f"| `generate()` | {document['ways']['generate']['tokens_per_second']:,.0f} | " in done.stdout
    assert done.stdout.endswith("Wrote out/speed.json.\n")
