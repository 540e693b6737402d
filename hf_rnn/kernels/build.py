"""Compile the kernels for the processor at hand, once, into the user's cache."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import platform
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import constants

from .stored import distrust, fault_of, store


__all__ = ["KernelBuildError", "build", "cache_folder", "library_path"]


logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent / "native"
COMPILERS = ("g++", "clang++", "c++")
# -ffast-math is not among them: linked into a library it would change the floating-point mode of the whole process,
# and the kernels must pass NaN on.
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared", "-pthread")
# A compiler that takes longer hangs.
SECONDS = 300
WITHOUT = "torch's kernels give the same results, more slowly (docs/speed.md)."


class KernelBuildError(RuntimeError):
    """The kernels cannot be built here; the message says why, on one line, and that everything works without them.

    Attributes:
        output: What the compiler wrote.
    """

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


def cache_folder() -> Path:
    """The folder of built kernels: `HF_RNN_CACHE`, or `hf_rnn` beside the Hub's cache."""
    return Path(os.environ.get("HF_RNN_CACHE") or Path(constants.HF_HOME) / "hf_rnn") / "kernels"


@functools.cache
def library_path() -> Path:
    """The built library of these sources for this processor and C library, whether it exists or not."""
    parts = [path.read_bytes() for path in sorted(SOURCES.glob("*.h")) + sorted(SOURCES.glob("*.cpp"))]
    system = (platform.system(), platform.machine(), platform.libc_ver())
    parts += [repr((FLAGS, system, _processor())).encode()]
    return cache_folder() / f"recurrence-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.so"


def build() -> Path:
    """Build the library unless it is there already, whole and ours; about ten seconds. Of several processes one builds
    it, and the others wait for that.

    Raises:
        KernelBuildError: if there is no compiler, it fails, or the cache cannot be written or is not to be trusted.
    """
    path = library_path()
    if fault_of(path) is None:
        return path
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise KernelBuildError(
            f"No C++ compiler was found ({', '.join(COMPILERS)}), so recurrent layers train and read batches more "
            "slowly than they could. Install one (Debian: apt install g++; Conda: conda install gxx; macOS: "
            f"xcode-select --install), or go on without: {WITHOUT}"
        )
    try:
        _build_by_one(compiler, path)
    except Timeout as error:
        raise KernelBuildError(
            f"Another process has been building the compiled kernels in {path.parent} for {SECONDS} seconds. Go on "
            f"without: {WITHOUT}"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second: a disk without locks
        raise KernelBuildError(
            f"The compiled kernels cannot be written to {path.parent}: {error}. Let HF_RNN_CACHE name a folder that "
            f"can be written, or go on without: {WITHOUT}"
        ) from error
    return path


def _build_by_one(compiler: str, path: Path) -> None:
    # Whatever new folders may be here, this one is not everybody's to write.
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    why = distrust(path.parent)
    if why is not None:
        raise KernelBuildError(
            f"The compiled kernels are not kept in {path.parent}, which {why}. Let HF_RNN_CACHE name a folder of your "
            f"own, or go on without: {WITHOUT}"
        )
    with FileLock(path.with_suffix(".lock"), timeout=SECONDS):
        if fault_of(path) is not None:
            _build(compiler, path)


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
        store(target, path)


def _compile(compiler: str, target: Path) -> None:
    sources = [str(path) for path in sorted(SOURCES.glob("*.cpp"))]
    command = [compiler, *FLAGS, *_processor_flags(), *sources, "-o", str(target)]
    returned, output = _run(command)
    if returned != 0:
        errors = [line for line in output.splitlines() if "error" in line] or output.splitlines()[-1:]
        first = errors[0].strip()[:300] if errors else "it wrote nothing"
        raise KernelBuildError(
            f"The compiler failed ({compiler}): {first} (`python -m hf_rnn.kernels` shows all). Go on without: "
            f"{WITHOUT}",
            f"{' '.join(command)}\n{output}",
        )


def _run(command: list[str]) -> tuple[int, str]:
    # The compiler starts others: in a session of their own they can all be ended, and read from no terminal.
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise KernelBuildError(
                f"The compiler ({command[0]}) did not finish in {SECONDS} seconds. Go on without: {WITHOUT}"
            ) from error
        except BaseException:
            _end(process)
            raise
    return process.returncode, output


def _end(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


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
