"""The kernels under AddressSanitizer and UndefinedBehaviorSanitizer: a few shapes here, all by `make sanitize`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from hf_rnn.models.paths import compiled_layer
from tests import sanitize


pytestmark = [
    pytest.mark.skipif(sanitize.missing() is not None, reason=f"no sanitizers: {sanitize.missing()}"),
    pytest.mark.skipif(compiled_layer() is None, reason="the kernels could not be built: no C++ compiler"),
]
FEW = ["tests/kernels/test_shapes.py", "-k", "(bilstm or gru or relu) and float32 and not 33", "-p", "no:randomly"]


def run(project, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.sanitize", *arguments]
    return subprocess.run(command, cwd=project, env={**os.environ, **environment}, capture_output=True, text=True)


def test_a_few_shapes(project):
    done = run(project, *FEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


BROKEN = {
    "reading beside a tensor": (
        "for (int64_t u = 0; u < Cell::input_slots * units_; ++u) bias[u] = bias_x[u];",
        "for (int64_t u = 0; u < Cell::input_slots * units_; ++u) bias[u] = bias_x[u + 64];",
        "AddressSanitizer: heap-buffer-overflow",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_found(project, tmp_path, fault):
    """The harness itself: a copy of the checkout with a fault in a source."""
    for name in ("hf_rnn", "tests", "setup.cfg"):
        source = project / name
        ignored = shutil.ignore_patterns("pretrained", "research_weights", "__pycache__")
        shutil.copytree(source, tmp_path / name, ignore=ignored) if source.is_dir() else shutil.copy(source, tmp_path)
    old, new, report = BROKEN[fault]
    file = next(
        path for path in (tmp_path / "hf_rnn" / "kernels").iterdir() if path.is_file() and old in path.read_text()
    )
    file.write_text(file.read_text().replace(old, new))
    done = run(tmp_path, *FEW, PYTHONPATH=str(tmp_path))
    assert done.returncode != 0 and report in done.stdout + done.stderr
