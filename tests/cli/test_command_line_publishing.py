"""`--push_to_hub` of a training script ends with the measured card and figures in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, ModelCard

from hf_rnn.cli.train import train_and_report
from hf_rnn.hub import staging
from hf_rnn.hub.answers import answers
from hf_rnn.tasks.text_classification.task import run_text_classification
from tests.publishing import PRIVATE_FILES, ana_fixture  # noqa: F401  (`ana` is a fixture)
from tests.tasks.small_runs import GROUPS, flags, write_reviews


def test_a_training_script_publishes_its_run(
    ana: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def ask_here(
        folder: Path, auto_classes: Sequence[str], task: str | None, example: Any, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        return answers(str(folder), auto_classes, task, example, options)

    monkeypatch.setattr(staging, "clean_answers", ask_here)
    values = flags(
        tmp_path / "reviews", push_to_hub=True, hub_strategy="checkpoint", **write_reviews(tmp_path / "data")
    )
    line = [part for name, value in values.items() for part in (f"--{name}", str(value))]
    monkeypatch.setattr("sys.argv", ["script.py", *line])
    train_and_report(GROUPS, run_text_classification)

    # Without `hub_model_id` the folder names the repository.
    sha = ana.model_info("ana/reviews").sha
    remark, published = capsys.readouterr().out.splitlines()[-2:]
    assert published == f"Published: {ana.endpoint}/ana/reviews/commit/{sha}"
    assert remark.startswith("The card names no licence") and remark.endswith("a training takes `--license`.")
    names = set(ana.list_repo_files("ana/reviews"))
    assert {"README.md", "results.json", "learning_curves.png", "model.safetensors", "cells.py"} <= names
    assert "last-checkpoint/model.safetensors" in names
    assert not {Path(name).name for name in names} & set(PRIVATE_FILES)
    card = ModelCard.load(ana.hf_hub_download("ana/reviews", "README.md", local_dir=tmp_path / "card"))
    assert card.data.eval_results
    assert 'model="ana/reviews"' in card.text
    weights = ana.hf_hub_download("ana/reviews", "model.safetensors", local_dir=tmp_path / "card")
    assert Path(weights).read_bytes() == (tmp_path / "reviews" / "model.safetensors").read_bytes()
