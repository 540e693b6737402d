"""Streams over several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch


def run(project: Path, folder: Path, *launcher: str) -> dict[str, torch.Tensor]:
    done = subprocess.run(
        [sys.executable, *launcher, str(project / "tests" / "training" / "distributed_streams.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, torch.Tensor] = torch.load(f"{folder}.pt")
    return found


@pytest.mark.slow
def test_two_processes_train_as_one(project: Path, tmp_path: Path) -> None:
    one = run(project, tmp_path / "one")
    two = run(project, tmp_path / "two", "-m", "torch.distributed.run", "--nproc_per_node", "2")
    torch.testing.assert_close(two["weights"], one["weights"], atol=1e-6, rtol=0)
    assert two["loss"] == pytest.approx(one["loss"], abs=1e-6)
