"""A copy of the package in which a test adds what a contributor would, by the steps of CONTRIBUTING.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


PROJECT = Path(__file__).resolve().parents[2]


class Checkout:
    """A copy of the package and of the helpers of its tests.

    Args:
        folder: Where it goes.

    Attributes:
        changed: The files of the project that were changed, in the order of the steps.
        added: The files that are new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed: dict[str, None] = {}
        self.added: list[str] = []
        left_out = shutil.ignore_patterns("__pycache__", "pretrained", "research_weights")
        for name in ("hf_rnn", "tests", "scripts"):
            shutil.copytree(PROJECT / name, folder / name, ignore=left_out if name == "hf_rnn" else _only_helpers)
        shutil.copy(PROJECT / "CONTRIBUTING.md", folder)

    def insert(self, file: str, before: str, text: str) -> None:
        """Put `text` before the only place in `file` that reads `before`."""
        path = self.folder / file
        content = path.read_text(encoding="utf-8")
        assert content.count(before) == 1, f"{file} has {content.count(before)} times {before!r}"
        path.write_text(content.replace(before, text + before), encoding="utf-8")
        self.changed[file] = None

    def add(self, file: str, text: str) -> None:
        """A new file."""
        path = self.folder / file
        assert not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.added.append(file)

    def run(self, program: str, *arguments: str) -> str:
        """Run a Python program on the copy; what it printed. It fails the test if the program fails."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "HF_RNN_KERNELS": "0", "OMP_NUM_THREADS": "1"}
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
        return done.stdout


def _only_helpers(folder: str, names: list[str]) -> set[str]:
    # Neither the tests nor the checkpoints of old releases.
    return {name for name in names if name.startswith("test_") or name in ("__pycache__", "released", "upstream")}


def steps(title: str) -> list[str]:
    """The numbered steps of a section of CONTRIBUTING.md."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\d\. (.*(?:\n   .*)*)", section, flags=re.MULTILINE)


def named_files(title: str) -> set[str]:
    """The files that the steps of a section name."""
    return set(re.findall(r"`((?:hf_rnn/|CONTRIBUTING)[\w/.<>]+)`", "\n".join(steps(title))))
