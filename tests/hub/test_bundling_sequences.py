"""A bundle of an encoder-decoder: measured anew as by its run, writing as the run does, with its card."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_sequence_runs import SMALL, run, write_numbers


@pytest.fixture(scope="module")
def sequence_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A run whose figures need its own arguments: no column has a usual name, and case is ignored."""
    folder = tmp_path_factory.mktemp("sequences")
    files = write_numbers(folder / "data", train=200)
    for path in files.values():
        rows = Path(path).read_text(encoding="utf-8").split("\n", 1)[1]
        Path(path).write_text("spoken,written\n" + rows.upper(), encoding="utf-8")
    sizes = SMALL.replace("6", "24").replace("10", "32")
    options = {"config_overrides": sizes, "num_train_epochs": 8, "learning_rate": 0.02, "num_beams": 3}
    columns = {"source_column": "spoken", "target_column": "written"}
    results = run(
        folder / "run", figures="translation", lowercase_figures=True, baseline=False, **columns, **options, **files
    )
    return folder, results, files["test_file"]


@pytest.fixture(scope="module")
def bundle(sequence_run: tuple[Path, dict[str, Any], str], project: Path) -> Path:
    folder, _, test_file = sequence_run
    options = ["--name", "tiny", "--output_folder", str(folder / "out"), "--eval_file", test_file]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bundle_checkpoint.py", str(folder / "run"), *options, "--example", "ONE TWO"])
        runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")
    return folder / "out" / "tiny"


def test_the_rounded_model_is_measured_as_by_its_run(sequence_run, bundle: Path) -> None:
    _, results, _ = sequence_run
    measured = read_results(bundle / "results.json")["metrics"]
    assert measured.keys() == {"test"}
    assert measured["test"] == pytest.approx(results["metrics"]["test"], rel=0.02, abs=0.02)
    # The figures are measured with the weights in half precision, not copied from the run.
    assert measured["test"]["loss"] != results["metrics"]["test"]["loss"]
    assert 0 < measured["test"]["bleu"]


def test_it_writes_what_the_run_writes(sequence_run, bundle: Path) -> None:
    folder, _, test_file = sequence_run
    assert not list(bundle.glob("*.py"))
    config = json.loads((bundle / "config.json").read_text())
    assert "auto_map" not in config and "custom_pipelines" not in config
    model = AutoModelForSeq2SeqLM.from_pretrained(bundle)
    assert model.dtype == torch.float32
    table = model.get_input_embeddings().weight
    assert model.lm_head.weight is table and model.get_encoder().network.get_input_embeddings().weight is table
    sources = [line.split(",")[0] for line in Path(test_file).read_text(encoding="utf-8").splitlines()[1:]]
    whole, rounded = (pipeline("text2text-generation", model=str(path)) for path in (folder / "run", bundle))
    assert rounded.model.generation_config.num_beams == 3
    assert rounded(sources, batch_size=5) == whole(sources, batch_size=5)


def test_its_card(bundle: Path) -> None:
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert (
        "import hf_rnn\nfrom transformers import pipeline\n\n"
        'writer = pipeline("text2text-generation", model=hf_rnn.bundled("tiny"))\nwriter("ONE TWO")\n' in card
    )
    for heading in ("| Loss |", "| BLEU |", "| chrF |", "| Exact match |"):
        assert heading in card
    assert "Signatures of sacrebleu: BLEU nrefs:1" in card
