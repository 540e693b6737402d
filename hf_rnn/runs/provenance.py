"""The origin of a figure: the machine, the versions of the libraries, the commit of the code."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ..version import __version__


LIBRARIES = (
    "accelerate",
    "datasets",
    "evaluate",
    "huggingface_hub",
    "numpy",
    "scikit-learn",
    "seqeval",
    "tokenizers",
    "torch",
    "transformers",
)


def provenance(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Say where figures come from, as every document of them does.

    Args:
        packages: Distributions whose versions are told besides, where they are installed.

    Returns:
        `machine` and `versions`; `commit` and `dirty`, None outside version control; `date`, ISO 8601 in UTC.
    """
    commit, dirty = git_commit() or (None, None)
    return {
        "machine": describe_machine(),
        "versions": library_versions(packages),
        "commit": commit,
        "dirty": dirty,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe_machine() -> dict[str, Any]:
    """The machine this process runs on.

    Returns:
        `cpu` (model name), `cores` (physical), `memory_gib` (installed), `platform`, `torch_threads` (of one
        operation, in this process), and whether the processor has `bf16` and `amx` matrix instructions, which make
        half precision pay (`None` where the system does not tell: only Linux does).
    """
    import psutil
    import torch

    fields = _linux_cpu()
    flags = fields.get("flags", "").split()
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "platform": platform.platform(),
        "torch_threads": torch.get_num_threads(),
        "bf16": "avx512_bf16" in flags if flags else None,
        "amx": "amx_tile" in flags if flags else None,
    }


def _linux_cpu() -> dict[str, str]:
    """Read what Linux tells of its first processor, by field name; empty on other systems."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.is_file():
        return {}
    first = cpuinfo.read_text().partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def library_versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python, hf_rnn and every installed library that a figure may depend on, `packages` among them."""
    versions = {"python": platform.python_version(), "hf_rnn": __version__}
    for name in (*LIBRARIES, *packages):
        if list(metadata.distributions(name=name)):
            versions[name] = metadata.version(name)
    return versions


def git_commit(folder: Path | str | None = None) -> tuple[str, bool] | None:
    """The commit of the code that runs.

    Args:
        folder: a folder of tracked files; default: this package's.

    Returns:
        The full hash and whether a tracked file differs from it; `None` where `folder` is not under version control
        (an installed package is not, even when its environment lies inside somebody's repository) or git is missing.
    """
    folder = Path(folder) if folder is not None else Path(__file__).resolve().parent
    if shutil.which("git") is None or not _git(folder, "ls-files"):
        return None
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    return (commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))) if commit else None


def _git(folder: Path, *arguments: str) -> str:
    """Give what git prints; empty when it refuses (no repository, no commit)."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
