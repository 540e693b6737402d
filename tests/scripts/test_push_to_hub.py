"""scripts/push_to_hub.py, run as people run it, and what a stranger then has of the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.fixtures.loopback import LoopbackHub
from tests.publishing import ana_fixture, writes  # noqa: F401  (`ana` is a fixture)


STRANGER = """
import json, sys
sys.modules["hf_rnn"] = None  # an import of it fails, also where it is installed
from transformers import pipeline
classifier = pipeline("text-classification", model="ana/film", trust_remote_code=True)
print(json.dumps(classifier("A film that takes its time and earns every minute of it.")))
"""


def push(project: Path, folder: Path, *line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "scripts" / "push_to_hub.py"), *line],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def online(loopback_hub: LoopbackHub, tmp_path: Path) -> Mapping[str, str]:
    """The environment of Ana's processes."""
    return {**loopback_hub.environment(tmp_path / "cache", loopback_hub.token("ana")), "HF_HUB_OFFLINE": "0"}


@pytest.mark.slow
def test_a_bundled_checkpoint_is_published_and_used_by_a_stranger(
    project: Path, tmp_path: Path, ana: HfApi, loopback_hub: LoopbackHub, online: Mapping[str, str]
) -> None:
    done = push(project, tmp_path, "bundled:bilstm-imdb", "--repo_id", "film", "--private", **online)
    assert done.returncode == 0, done.stderr
    assert "pipeline_tag: text-classification" in done.stdout
    sha = ana.model_info("ana/film").sha
    assert done.stdout.splitlines()[-1] == f"Published: {loopback_hub.endpoint}/ana/film/commit/{sha}"
    assert ana.model_info("ana/film").private

    environment = {name: value for name, value in online.items() if name != "PYTHONPATH"}
    used = subprocess.run(
        [sys.executable, "-P", "-c", STRANGER],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert used.returncode == 0, used.stderr
    (answer,) = json.loads(used.stdout.splitlines()[-1])
    assert answer["label"] == "positive"


@pytest.mark.slow
def test_a_dry_run_shows_the_files_the_front_matter_and_the_checks(project: Path, tmp_path: Path) -> None:
    done = push(project, tmp_path, "bundled:bilstm-imdb", "--repo_id", "ana/film", "--dry_run")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    weights = project / "hf_rnn" / "pretrained" / "bilstm-imdb" / "model.safetensors"
    assert f"{weights.stat().st_size:>12,}  model.safetensors" in lines
    assert lines.index("---") < lines.index("license: apache-2.0") < lines.index("Checked:")
    assert lines[-1] == "A dry run: nothing was uploaded."
    # The end of it stands in the README.
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert "\n".join(["```", *lines[lines.index("Checked:") :], "```"]) in readme


def test_bad_input_ends_in_a_line_that_says_what_to_do(
    project: Path, tmp_path: Path, loopback_hub: LoopbackHub, online: Mapping[str, str]
) -> None:
    done = push(project, tmp_path, "no_run", "--repo_id", "ana/film", **online)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("push_to_hub.py: error: Nothing was uploaded. `run_folder` is 'no_run', which is no folder")
    assert not writes(loopback_hub)
