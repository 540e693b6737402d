"""Bundled checkpoints: a run becomes one that loads as float32, small, without code; or nothing is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, pipeline

from hf_rnn.bundles import bundled, list_bundled
from hf_rnn.checksums import CHECKSUMS_FILE, checksums
from hf_rnn.hub import bundling as module
from hf_rnn.hub.bundling import auto_model_of, make_bundle
from hf_rnn.hub.card_options import CardOptions, read_card_options
from hf_rnn.runs.curves import CURVES_FILE
from hf_rnn.runs.describe import checkpoint_size
from hf_rnn.runs.results import read_results, write_results
from tests.results_document import results_document


CARD: dict[str, Any] = {"license": "apache-2.0", "language": "en"}


def test_a_bundle_is_half_as_large_and_loads_as_float32(run_folder: Path, tmp_path: Path) -> None:
    bundle = make_bundle(run_folder, tmp_path / "pretrained" / "tiny", **CARD)
    stored = load_file(bundle / "model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.float16}
    original = AutoModelForSequenceClassification.from_pretrained(run_folder).state_dict()
    loaded = AutoModelForSequenceClassification.from_pretrained(bundle)
    assert loaded.dtype == torch.float32
    for name, weight in loaded.state_dict().items():
        torch.testing.assert_close(weight, original[name].to(torch.float16).to(weight.dtype), rtol=0, atol=0)


def test_a_bundle_answers_in_a_pipeline(run_folder: Path, tmp_path: Path) -> None:
    texts = ["a fine film", "a dull film"]
    before = pipeline("text-classification", model=str(run_folder))(texts)
    after = pipeline("text-classification", model=str(make_bundle(run_folder, tmp_path / "tiny", **CARD)))(texts)
    assert [answer["label"] for answer in after] == [answer["label"] for answer in before]
    assert [answer["score"] for answer in after] == pytest.approx([a["score"] for a in before], abs=1e-3)


def test_a_bundle_holds_no_code_and_no_training_state(run_folder: Path, tmp_path: Path) -> None:
    assert list(run_folder.glob("modeling_*.py"))
    assert json.loads((run_folder / "config.json").read_text())["auto_map"]
    bundle = make_bundle(run_folder, tmp_path / "tiny", **CARD)
    assert {path.name for path in bundle.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "results.json",
        "card.json",
        "checksums.json",
        CURVES_FILE,
    }
    config = json.loads((bundle / "config.json").read_text())
    assert "auto_map" not in config
    assert config["dtype"] == "float32"
    assert [path.name for path in tmp_path.iterdir() if path != run_folder] == ["tiny"], "no temporary folder is left"


def test_results_and_card_are_of_the_bundle(run_folder: Path, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def measure(folder: Path) -> dict[str, dict[str, float]]:
        seen.append(sorted(path.name for path in folder.glob("*.safetensors")))
        return {"test": {"accuracy": 0.4321}}

    bundle = make_bundle(run_folder, tmp_path / "tiny", measure=measure, **CARD)
    assert seen == [["model.safetensors"]]
    results = read_results(bundle / "results.json")
    assert results["name"] == "tiny"
    assert results["metrics"] == {"test": {"accuracy": 0.4321}}
    assert results["model"]["size_bytes"] == checkpoint_size(bundle) < checkpoint_size(run_folder)
    assert results["model"]["dtype"] == "float16"
    card = ModelCard.load(bundle / "README.md")
    assert [result.metric_value for result in card.data.eval_results] == [0.4321]
    assert 'hf_rnn.bundled("tiny")' in card.text
    assert "(weights in float16)" in card.text


def test_the_options_of_the_card_are_kept(run_folder: Path, tmp_path: Path) -> None:
    bundle = make_bundle(run_folder, tmp_path / "tiny", dataset_license_note="Free.", comparison="| a |", **CARD)
    assert read_card_options(bundle / "card.json") == CardOptions(bundled=True, dataset_license_note="Free.", **CARD)
    assert "## Beside other models\n\n| a |\n" in (bundle / "README.md").read_text(encoding="utf-8")


def test_the_checksums_are_of_what_answers_and_figures_come_from(run_folder: Path, tmp_path: Path) -> None:
    bundle = make_bundle(run_folder, tmp_path / "tiny", **CARD)
    written = json.loads((bundle / CHECKSUMS_FILE).read_text())
    assert written == checksums(bundle)
    assert written.keys() == {
        "config.json",
        "model.safetensors",
        "results.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    # As `sha256sum` prints it.
    (bundle / "config.json").write_text("{}")
    assert checksums(bundle)["config.json"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_without_measuring_the_figures_are_those_of_the_run(run_folder: Path, tmp_path: Path) -> None:
    bundle = make_bundle(run_folder, tmp_path / "tiny", **CARD)
    assert read_results(bundle / "results.json")["metrics"] == read_results(run_folder / "results.json")["metrics"]
    note = "The figures were measured before the weights were rounded to float16."
    assert note in (bundle / "README.md").read_text(encoding="utf-8")
    make_bundle(run_folder, bundle, dtype="float32", **CARD)
    assert "rounded" not in (bundle / "README.md").read_text(encoding="utf-8")


def test_a_bundle_replaces_an_older_one(run_folder: Path, tmp_path: Path) -> None:
    bundle = make_bundle(run_folder, tmp_path / "tiny", **CARD)
    (bundle / "left_over.txt").write_text("old")
    make_bundle(run_folder, bundle, dtype="float32", **CARD)
    assert not (bundle / "left_over.txt").exists()
    assert {weight.dtype for weight in load_file(bundle / "model.safetensors").values()} == {torch.float32}


def test_too_large_a_run_is_refused_with_its_size(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle(run_folder, tmp_path / "tiny", **CARD)
    before = (bundle / "model.safetensors").read_bytes()
    size = checkpoint_size(bundle)
    monkeypatch.setattr(module, "MAX_BYTES", size - 1)
    with pytest.raises(ValueError, match=f"`run_folder`=.* makes a bundle of {size / 1e6:.2f} MB; it may have"):
        make_bundle(run_folder, bundle, **CARD)
    assert (bundle / "model.safetensors").read_bytes() == before
    monkeypatch.setattr(module, "MAX_BYTES", size)
    make_bundle(run_folder, bundle, **CARD)


def test_a_weight_beyond_half_precision_is_named(run_folder: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(run_folder)
    name, weight = list(model.named_parameters())[-1]
    with torch.no_grad():
        weight[0] = -70_000.0
    model.save_pretrained(run_folder)
    with pytest.raises(ValueError, match=rf"`dtype`='float16' cannot hold `{name}`, which reaches 7e\+04"):
        make_bundle(run_folder, tmp_path / "tiny", **CARD)
    assert not (tmp_path / "tiny").exists()


def test_bad_input_is_named_and_nothing_is_overwritten(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`dtype` must be one of float16, float32; it is 'int3'"):
        make_bundle(run_folder, tmp_path / "tiny", dtype="int3", **CARD)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="`output_folder`=.*documents' exists and is not a checkpoint"):
        make_bundle(run_folder, documents, **CARD)
    assert (documents / "thesis.txt").read_text() == "precious"
    write_results(results_document(task="juggling"), run_folder / "results.json")
    tasks = "text-classification, token-classification, sentence-similarity, text-generation, sequence-to-sequence"
    with pytest.raises(ValueError, match=f"`task` of the run must be one of {tasks}; it is 'juggling'"):
        make_bundle(run_folder, tmp_path / "tiny", **CARD)
    (run_folder / "results.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"results.json"):
        make_bundle(run_folder, tmp_path / "tiny", **CARD)


def test_every_bundled_checkpoint_is_small_and_loads_as_float32() -> None:
    for name in list_bundled():
        assert checkpoint_size(bundled(name)) <= module.MAX_BYTES
        results = read_results(Path(bundled(name)) / "results.json")
        assert getattr(transformers, auto_model_of(results)).from_pretrained(bundled(name)).dtype == torch.float32
        assert results["name"] == name


@pytest.mark.parametrize("name", list_bundled())
def test_every_bundled_checkpoint_is_as_it_was_made(name: str) -> None:
    folder = Path(bundled(name))
    assert checksums(folder) == json.loads((folder / CHECKSUMS_FILE).read_text(encoding="utf-8"))
