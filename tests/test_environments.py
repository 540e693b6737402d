"""What is said of versions is what a run found: the tables of CONTRIBUTING.md, the floors of setup.cfg."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import environments


# pytest wants them, too, and brings the newest.
BROUGHT_BY_PYTEST = {"packaging"}


def known() -> dict[str, dict[str, object]]:
    return json.loads(environments.RECORD.read_text(encoding="utf-8"))


def test_the_tables_are_those_of_the_record(project: Path) -> None:
    text = (project / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = text.partition(environments.BEGIN)[2].partition(environments.END)[0]
    assert shown.strip() == environments.tables(known()).strip()


def test_every_environment_passed_its_tests() -> None:
    assert {"newest", "floors", *(f"newest-{python}" for python in environments.PYTHONS)} <= set(known())
    assert [name for name, outcome in known().items() if not outcome["passed"]] == []


@pytest.mark.parametrize("requirement", [*map(Requirement, environments.claimed())], ids=lambda found: found.name)
def test_the_floor_of_setup_cfg_is_the_one_that_was_tried(requirement: Requirement) -> None:
    (floor,) = (bound.version for bound in requirement.specifier if bound.operator == ">=")
    tried = known()["floors"]["versions"][requirement.name]
    if requirement.name in BROUGHT_BY_PYTEST:
        assert requirement.specifier.contains(tried)
        return
    # 5.23 claims 5.23.0, and torch's builds have names behind a plus.
    assert tried.split("+")[0] in (floor, f"{floor}.0", f"{floor}.0.0")


def test_a_shim_that_runs_no_python_is_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shims, real = tmp_path / "shims", tmp_path / "pyenv" / "versions" / "3.12.1" / "bin"
    for folder, script in ((shims, "exit 127"), (real, "echo 3.12")):
        folder.mkdir(parents=True)
        path = folder / ("python3.12" if folder == shims else "python")
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}{os.pathsep}/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nowhere"))
    found = environments.find_python("3.12")
    assert found is None or found.parent != shims
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert environments.find_python("3.12") == (found or real / "python")
