"""What the tests of an installed wheel share: no network, one thread, and a look at what is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Protocol

import pytest


_cache = tempfile.TemporaryDirectory(prefix="hf_rnn_installed_")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HOME"] = _cache.name
os.environ["HF_HUB_OFFLINE"] = "1"

# An import of hf_rnn fails, also where it is installed.
BLOCK = "import json, sys; sys.modules['hf_rnn'] = None; given = json.loads(sys.argv[1]); found = {}\n"
ANSWER = "\nprint('ANSWER', json.dumps(found))"


class Stranger(Protocol):
    def __call__(self, code: str, **given: Any) -> Any: ...


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test a checkout where a wheel is meant: it has files that a wheel may lack."""
    import hf_rnn

    place = Path(hf_rnn.__file__)
    if os.environ.get("HF_RNN_INSTALLED") and not place.is_relative_to(sysconfig.get_path("purelib")):
        raise pytest.UsageError(f"hf_rnn is imported from {place}; these tests are of an installed wheel.")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """What `code` leaves in `found`, in a process that cannot import hf_rnn and has `given`."""
    home = tmp_path_factory.mktemp("stranger")

    def ask(code: str, **given: Any) -> Any:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-P", "-c", BLOCK + code + ANSWER, json.dumps(given, default=str)]
        done = subprocess.run(
            command, cwd=home, env=environment | {"HF_HOME": str(home)}, capture_output=True, text=True, check=False
        )
        answers = [line.removeprefix("ANSWER ") for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
        assert answers, done.stderr
        return json.loads(answers[-1])

    return ask
