"""scripts/bundle_checkpoint.py: a run becomes a bundle whose card has the figures of the rounded model."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path

import pytest
from transformers import pipeline

from hf_rnn.hub.card_options import read_card_options
from hf_rnn.runs.results import read_results


def test_the_bundle_is_measured_on_the_file(
    project: Path, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["film", "dull a", "fine film", "dull dull"]
    # The shortest text is first in the file and read last: a figure of mixed-up rows would be another.
    answers = [answer["label"] for answer in pipeline("text-classification", model=str(run_folder))(texts)]
    assert len(set(answers)) == 2
    # The first three labels are what the model answers, the last is not.
    wrong = "LABEL_0" if answers[3] == "LABEL_1" else "LABEL_1"
    with open(tmp_path / "test.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, [*answers[:3], wrong], strict=True)])
    options = ["--name", "tiny", "--output_folder", str(tmp_path / "out"), "--eval_file", str(tmp_path / "test.csv")]
    monkeypatch.setattr(sys, "argv", ["bundle_checkpoint.py", str(run_folder), *options])
    runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")
    results = read_results(tmp_path / "out" / "tiny" / "results.json")
    assert results["metrics"].keys() == {"test"}
    assert results["metrics"]["test"]["accuracy"] == 0.75


def test_the_card_shows_a_comparison_of_the_project_and_no_other(
    project: Path,
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def bundle(comparison: Path) -> None:
        options = ["--name", "tiny", "--output_folder", str(tmp_path / "out"), "--comparison", str(comparison)]
        monkeypatch.setattr(sys, "argv", ["bundle_checkpoint.py", str(run_folder), *options])
        runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")

    with pytest.raises(SystemExit):
        bundle(tmp_path / "comparison.json")
    assert f"`--comparison` must be a file of the project; it is '{tmp_path}/comp" in capsys.readouterr().err
    comparison = project / "model_cards" / "comparison" / "conll2003.json"
    bundle(comparison)
    folder = tmp_path / "out" / "tiny"
    assert read_card_options(folder / "card.json").compared_in == "model_cards/comparison/conll2003.json"
    assert "](comparison.png)\n" in (folder / "README.md").read_text(encoding="utf-8")
    assert (folder / "comparison.png").read_bytes() == comparison.with_suffix(".png").read_bytes()
