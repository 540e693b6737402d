"""`make demo`, as a stranger runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


PROJECT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_demo_trains_saves_and_says_what_next(tmp_path: Path):
    output = tmp_path / "demo"
    command = [sys.executable, str(PROJECT / "scripts" / "demo.py"), "--output_dir", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert "bilstm-imdb" in done.stdout
    assert "synthetic" in done.stdout.lower()
    assert "BiLstmForSequenceClassification" in done.stdout
    assert "What to try next" in done.stdout
    assert (output / "model" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    again = subprocess.run([*command[:-1], str(tmp_path)], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert again.returncode != 0 and "not from an earlier demo" in again.stderr
