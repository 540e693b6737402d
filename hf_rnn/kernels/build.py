"""Compile the kernels for the processor at hand, once, into the user's cache."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock
from huggingface_hub import constants


__all__ = ["KernelBuildError", "build", "cache_folder", "library_path"]


logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent
COMPILERS = ("g++", "clang++", "c++")
# -ffast-math is not among them: linked into a library it would change the floating-point mode of the whole process,
# and the kernels must pass NaN on.
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-pthread")
SECONDS = 300


class KernelBuildError(RuntimeError):
    """The kernels cannot be built here; the message says why and that everything works without them."""


def cache_folder() -> Path:
    """The folder of built kernels: `HF_RNN_CACHE`, or `hf_rnn` beside the Hub's cache."""
    return Path(os.environ.get("HF_RNN_CACHE") or Path(constants.HF_HOME) / "hf_rnn") / "kernels"


@functools.cache
def library_path() -> Path:
    """The built library of these sources for this processor, whether it exists or not."""
    parts = [path.read_bytes() for path in sorted(SOURCES.glob("*.h")) + sorted(SOURCES.glob("*.cpp"))]
    parts += [repr((FLAGS, platform.system(), platform.machine(), _processor())).encode()]
    return cache_folder() / f"recurrence-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.so"


def build() -> Path:
    """Build the library unless it is there already; about ten seconds. Of several processes one builds it, and the
    others wait for that.

    Raises:
        KernelBuildError: if there is no compiler, it fails, or the cache cannot be written.
    """
    path = library_path()
    if path.exists():
        return path
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise KernelBuildError(
            f"No C++ compiler was found ({', '.join(COMPILERS)}). Install one (Debian: apt install g++), or go on "
            "without: torch's kernels give the same results, more slowly."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=SECONDS):
            if not path.exists():
                _build(compiler, path)
    except OSError as error:
        raise KernelBuildError(
            f"The compiled kernels cannot be written to {path.parent}: {error}. Let HF_RNN_CACHE name a folder that "
            "can be written, or go on without: torch's kernels give the same results, more slowly."
        ) from error
    return path


def _build(compiler: str, path: Path) -> None:
    logger.warning(
        "Compiling the kernels of recurrent layers into %s: about ten seconds, once on this machine. HF_RNN_KERNELS=0 "
        "does without them.",
        path.parent,
    )
    # Built under another name and moved, so that no process ever loads half a library.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        target = Path(folder) / path.name
        _compile(compiler, target)
        target.replace(path)


def _compile(compiler: str, target: Path) -> None:
    sources = [str(path) for path in sorted(SOURCES.glob("*.cpp"))]
    command = [compiler, *FLAGS, *_processor_flags(), *sources, "-o", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelBuildError(f"The compiler did not finish: {error}") from error
    if done.returncode != 0:
        raise KernelBuildError(f"The compiler failed ({' '.join(command)}):\n{done.stderr[-2000:]}")


def _processor_flags() -> list[str]:
    if platform.machine().lower() in ("x86_64", "amd64"):
        return ["-march=native", *(["-mprefer-vector-width=512"] if "avx512f" in _processor() else [])]
    return ["-mcpu=native"]


def _processor() -> str:
    # The library is compiled for this processor: the cache may be on a disk that several machines share.
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
