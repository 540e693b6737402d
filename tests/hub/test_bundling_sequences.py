"""A bundle of an encoder-decoder: its rounded weights are measured by what they write, as its run measures them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from transformers import pipeline

from hf_rnn.metrics.sequences import sequence_metrics
from hf_rnn.runs.results import read_results
from tests.tasks.small_sequence_runs import generate_numbers, run, write_numbers


def test_the_bundle_writes_and_is_measured_on_the_file(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_numbers(tmp_path / "data", test=9)
    run(tmp_path / "run", **files, figures="translation", lowercase_figures=True, baseline=False)
    options = ["--name", "tiny", "--output_folder", str(tmp_path / "out"), "--eval_file", files["test_file"]]
    monkeypatch.setattr(sys, "argv", ["bundle_checkpoint.py", str(tmp_path / "run"), *options])
    runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")
    bundle = tmp_path / "out" / "tiny"
    results = read_results(bundle / "results.json")
    rows = generate_numbers(9, 2)
    writer = pipeline("text2text-generation", model=str(bundle))
    written = [answer["generated_text"] for answer in writer([source for source, _ in rows])]
    names = ["bleu", "chrf", "exact_match"]
    wanted = sequence_metrics(written, [target for _, target in rows], lowercase=True, names=names)
    assert results["metrics"] == {"test": pytest.approx(wanted)}
    assert "Signature of BLEU: nrefs:1" in results["dataset"]["notes"]
    assert "lower-cased before" in results["dataset"]["notes"]
    # Beams and their number go with the weights; the folder holds no code.
    assert json.loads((bundle / "generation_config.json").read_text())["num_beams"] == 2
    assert not list(bundle.glob("*.py"))
