"""A small run in this process, what it leaves, and what is done to its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.tasks import small_runs


# Checkpoints after the steps 3, 6, … of 16.
# Without the wide part a checkpoint fits a small disk.
FLAGS: dict[str, Any] = {
    "save_strategy": "steps",
    "save_steps": 3,
    "eval_strategy": "steps",
    "eval_steps": 3,
    "config_overrides": {**small_runs.SMALL, "wide_buckets": None},
}


def run(output: Path, **changes: Any) -> dict[str, Any]:
    return small_runs.run(output, **FLAGS, **changes)


def contents(folder: Path) -> dict[str, bytes]:
    """The files directly in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bit(path: Path) -> None:
    """One bit, in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0b100
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


DAMAGES = {"cut short": cut_short, "one bit flipped": flip_bit, "removed": remove}
