"""A bundle of a siamese network with its classifier of pairs: every way to use it, without the code in the folder."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, pipeline

from hf_rnn.runs.results import read_results
from tests.tasks.small_similarity_runs import run, write_questions


PAIR = {"text": "How do I swim?", "text_pair": "I want to swim"}


@pytest.fixture(scope="module", params=["classification,cosent", "cosent"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("similarity")
    files = write_questions(folder / "data")
    results = run(folder / "run", loss=request.param, num_train_epochs=3, **files)
    return folder, results, files["test_file"]


@pytest.fixture(scope="module")
def bundle(runs: tuple[Path, dict[str, Any], str], project: Path) -> Path:
    folder, _, test_file = runs
    options = ["--name", "tiny", "--output_folder", str(folder / "out"), "--eval_file", test_file]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bundle_checkpoint.py", str(folder / "run"), *options])
        runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")
    return folder / "out" / "tiny"


def test_the_rounded_model_is_measured(runs, bundle: Path) -> None:
    _, results, _ = runs
    measured = read_results(bundle / "results.json")["metrics"]
    assert measured.keys() == {"test"}
    expected = {name: value for name, value in results["metrics"]["test"].items() if name != "loss"}
    assert measured["test"] == pytest.approx(expected, abs=0.05)
    assert ("classifier_accuracy" in expected) == (results["model"]["class"] == "SiameseForPairClassification")


def test_every_way_to_use_it(runs, bundle: Path) -> None:
    folder, results, _ = runs
    assert not list(bundle.glob("*.py"))
    config = json.loads((bundle / "config.json").read_text())
    assert "auto_map" not in config and "custom_pipelines" not in config
    whole, rounded = (AutoModel.from_pretrained(path) for path in (folder / "run", bundle))
    texts = list(PAIR.values())
    torch.testing.assert_close(rounded.encode(texts), whole.encode(texts), rtol=0.01, atol=0.01)
    assert rounded.config.threshold == whole.config.threshold
    assert pipeline("sentence-similarity", model=str(bundle))(PAIR).keys() == {"score", "alike"}
    if results["model"]["class"] == "SiameseForPairClassification":
        assert pipeline("text-classification", model=str(bundle))(PAIR)["label"] in ("different", "alike")
    sentence_transformers = pytest.importorskip("sentence_transformers")
    loaded = sentence_transformers.SentenceTransformer(str(bundle), trust_remote_code=True, local_files_only=True)
    torch.testing.assert_close(loaded.encode(texts, convert_to_tensor=True), rounded.encode(texts))
