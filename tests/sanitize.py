"""Run tests with kernels that check themselves: python -m tests.sanitize [arguments of pytest]

All sources of `hf_rnn/kernels/` are compiled under AddressSanitizer and UndefinedBehaviorSanitizer of g++, and the
process that runs the tests has the sanitizer's allocator, torch's tensors included: what the kernels read or write
beside a tensor, or compute without meaning, ends the process with a report. By default these are the tests that
compute with the kernels: all in `tests/kernels/`, so those of a new source as well, and the paths of the models.
Arguments that begin with `tests` take their place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


PROJECT = Path(__file__).resolve().parent.parent
# The last -O counts. -g and the frame pointer are for the report.
FLAGS = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so.6")
TESTS = ("tests/kernels", "tests/models/test_paths.py")
# They are about building and about processes, and compute nothing with the kernels.
IGNORED = ("test_build.py", "test_cache.py", "test_sanitized.py", "test_threads.py")
DESELECTED = {
    "tests/kernels/test_boundaries.py::test_memory_that_is_not_there_is_an_error": "the sanitizer ends the process",
}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",  # Python itself frees little at its end
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def missing() -> str | None:
    """Why the kernels cannot be compiled with sanitizers here, or None."""
    if sys.platform != "linux":
        return f"sanitizers are loaded before Python by LD_PRELOAD, on Linux only; this is {sys.platform}"
    if shutil.which("g++") is None:
        return "no g++ is installed"
    absent = [name for name in LIBRARIES if not Path(_library(name)).is_absolute()]
    return f"g++ has no {', '.join(absent)}" if absent else None


def _library(name: str) -> str:
    # The name alone comes back where the compiler has no such file.
    done = subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Have tests/conftest.py build the kernels with the sanitizers; their flags give the library a name of its own."""
    from hf_rnn.kernels import build

    build.FLAGS = (*build.FLAGS, *FLAGS)
    # The compiler needs no sanitizer, and neither do processes that tests start.
    os.environ.pop("LD_PRELOAD")


def pytest_sessionstart() -> None:
    from hf_rnn.models.paths import compiled_layer

    if compiled_layer() is None:
        pytest.exit("the kernels could not be built with sanitizers", returncode=1)


def main(arguments: list[str]) -> int:
    why = missing()
    if why is not None:
        sys.exit(f"The kernels cannot be sanitized here: {why}.")
    ignored = [f"--ignore={PROJECT / 'tests/kernels' / name}" for name in IGNORED]
    deselected = [f"--deselect={test}" for test in DESELECTED]
    # A report goes to the process's standard error, which must not be captured; only what is in sys.stderr is.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.sanitize", "--capture=sys", "-p", "no:cacheprovider"]
    environment = {**os.environ, **OPTIONS, "LD_PRELOAD": " ".join(map(_library, LIBRARIES))}
    tests = [] if any(argument.startswith("tests") for argument in arguments) else TESTS
    command += [*ignored, *deselected, *tests, *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
