"""The machine, the versions and the commit, as results.json records them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from hf_rnn.runs.provenance import describe_machine, git_commit, library_versions
from hf_rnn.version import __version__


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "module.py").write_text("x = 1\n")
    git(tmp_path, "add", "code")
    git(tmp_path, "commit", "-q", "-m", "First")
    return tmp_path


def test_describe_machine_is_json_and_plausible() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert 0.1 < machine["memory_gib"] < 100_000
    assert machine["torch_threads"] == torch.get_num_threads()


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="only Linux tells the processor's flags")
def test_processor_flags_are_read_on_linux() -> None:
    machine = describe_machine()
    words = Path("/proc/cpuinfo").read_text().split()
    assert (machine["bf16"], machine["amx"]) == ("avx512_bf16" in words, "amx_tile" in words)


def test_library_versions_are_the_imported_ones() -> None:
    versions = library_versions()
    assert versions["torch"] == torch.__version__
    assert versions["hf_rnn"] == __version__
    assert {"python", "transformers", "datasets", "numpy"} <= set(versions)


def test_libraries_that_are_absent_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.runs.provenance.LIBRARIES", ("torch", "no_such_library"))
    assert set(library_versions()) == {"python", "hf_rnn", "torch"}


def test_commit_is_clean_until_a_tracked_file_changes(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert git_commit(repository / "code") == (head, False)
    (repository / "results.json").write_text("{}")
    assert git_commit(repository / "code") == (head, False), "what a run writes does not make the code another"
    (repository / "code" / "module.py").write_text("x = 2\n")
    assert git_commit(repository / "code") == (head, True)


def test_no_commit_outside_version_control(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert git_commit(tmp_path_factory.mktemp("plain")) is None
    installed = repository / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "module.py").write_text("x = 1\n")
    assert git_commit(installed) is None, "an environment inside a repository is not that repository's code"


def test_no_commit_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_commit(repository / "code") is None
