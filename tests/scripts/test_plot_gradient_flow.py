"""scripts/plot_gradient_flow.py, run as people run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_from_flags_to_the_table_and_the_files(run_script: Callable[..., Any], tmp_path: Path) -> None:
    done = run_script(
        "plot_gradient_flow", "--output_dir", "out", "--sequence_length", "6", "--max_steps", "2", "--seed", "7"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "gradient_flow.json").read_text())
    assert (document["arguments"]["max_steps"], document["arguments"]["seed"]) == (2, 7)
    assert (tmp_path / "out" / "gradient_flow.png").is_file()
    for name, network in document["networks"].items():
        assert f"| {name} | " in done.stdout
        assert f"{network['clipped']['accuracy']:.3f}" in done.stdout
    assert "Wrote out/gradient_flow.json" in done.stdout
