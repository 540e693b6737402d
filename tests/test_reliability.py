"""The table of what was tried on purpose: its rows, its outcomes, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import Row, markdown


TESTS = """
import pytest

@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.reliability(section="Faults", fault="the disk is full", mutation="no check | at all")
def test_disk(size, outcome):
    outcome("the last checkpoint stays")

@pytest.mark.reliability(section="Faults", fault="the cable is cut", mutation="none")
def test_cable(outcome):
    outcome("never seen")
    assert False

@pytest.mark.reliability(section="Properties", fault="padding", mutation="no mask")
def test_padding():
    pass

@pytest.mark.reliability(section="Security", fault="a pickle", mutation="none")
def test_pickle():
    pytest.skip("no pickle here")

def test_of_something_else():
    pass
"""
CONFTEST = """
from pathlib import Path
from tests.reliability import MARKER, ReliabilityTable, outcome

def pytest_configure(config):
    config.addinivalue_line("markers", MARKER)
    config.pluginmanager.register(ReliabilityTable(Path("table.md")))
"""


def run(folder: Path, project: Path, tests: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(tests)
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {project}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "two workers"])
def test_a_row_says_what_came_of_it(tmp_path: Path, project: Path, workers: list[str]) -> None:
    ran = run(tmp_path, project, TESTS, *workers)
    assert "1 failed, 4 passed, 1 skipped" in ran.stdout, ran.stdout + ran.stderr
    table = (tmp_path / "table.md").read_text()
    lines = table.splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## Properties", "## Faults", "## Security"]
    assert "| padding | passed | `test_some.py::test_padding` | no mask |" in lines
    disk = (
        "| the disk is full | the last checkpoint stays (2 cases) | `test_some.py::test_disk` | no check \\| at all |"
    )
    assert disk in lines
    assert "| the cable is cut | FAILED | `test_some.py::test_cable` | none |" in lines
    assert "| a pickle | SKIPPED | `test_some.py::test_pickle` | none |" in lines
    assert "something_else" not in table


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("section='Faults', fault='x'", "the marker must be reliability(section, fault, mutation)"),
        ("section='Faults', mutation='x'", "the marker must be reliability(section, fault, mutation)"),
        ("section='Fault', fault='x', mutation='y'", "`section`='Fault' must be one of transformers' own tests, Prop"),
    ],
)
def test_a_marker_that_lacks_something_is_refused(tmp_path: Path, project: Path, marker: str, message: str) -> None:
    ran = run(tmp_path, project, f"import pytest\n\n@pytest.mark.reliability({marker})\ndef test_x(): pass\n")
    assert ran.returncode != 0 and message in ran.stdout + ran.stderr


def test_different_outcomes_of_one_row_are_all_told() -> None:
    row = Row(
        "Faults", "cut", "none", ["a.py::test[1]", "a.py::test[2]", "b.py::test"], ["passed", "FAILED", "passed"]
    )
    assert "| cut | passed; FAILED (3 cases) | `a.py::test`<br>`b.py::test` | none |" in markdown([row])
