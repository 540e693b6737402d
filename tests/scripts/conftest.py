"""Running a script as people run it."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def run_script(project: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `scripts/NAME.py` with arguments, in the test's folder."""

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(project / "scripts" / f"{name}.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def refusal(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable[[str, str], str]:
    """What `scripts/NAME.py`, in the test's folder, says of arguments that it refuses before it writes anything."""

    def run(name: str, line: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["script.py", *line.split(), "--output_dir", "out", "--do_train"])
        with pytest.raises((ValueError, SystemExit)) as error:
            runpy.run_path(str(project / "scripts" / f"{name}.py"), run_name="__main__")
        assert not (tmp_path / "out").exists()
        return str(error.value) + capsys.readouterr().err

    return run
