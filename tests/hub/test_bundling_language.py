"""A bundle of a language model: measured anew on the texts of its run, writing as the run does, with its card."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, pipeline

from hf_rnn.checksums import checksums
from hf_rnn.hub.card_options import read_card_options
from hf_rnn.runs.results import read_results
from hf_rnn.tasks.language_modeling.measuring import measure_language_model
from tests.hub.language_runs import TEXT, run_language


@pytest.fixture(scope="module")
def language_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("language")
    results = run_language(folder, baseline=False)
    # What a user sets for the texts to come goes with the checkpoint.
    path = folder / "run" / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_new_tokens": 7, "do_sample": False}))
    return folder, results


@pytest.fixture(scope="module")
def script(project: Path, language_run: tuple[Path, dict[str, Any]]) -> Callable[..., None]:
    def run(*line: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["bundle_checkpoint.py", *line])
            # A run remembers the name of its text, and not the folder that it lay in.
            patch.chdir(language_run[0])
            runpy.run_path(str(project / "scripts" / "bundle_checkpoint.py"), run_name="__main__")

    return run


@pytest.fixture(scope="module")
def bundle(language_run: tuple[Path, dict[str, Any]], script: Callable[..., None]) -> Path:
    folder, _ = language_run
    script(str(folder / "run"), "--name", "tiny", "--output_folder", str(folder / "out"), "--example", "It sat")
    return folder / "out" / "tiny"


def test_the_rounded_model_is_measured_on_the_texts_of_the_run(
    language_run, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, results = language_run
    monkeypatch.chdir(folder)
    measured = read_results(bundle / "results.json")["metrics"]
    assert measured.keys() == results["metrics"].keys() == {"validation", "test"}
    assert measured["test"]["loss"] != pytest.approx(measured["validation"]["loss"], rel=0.01)
    for split, figures in measured.items():
        assert figures == pytest.approx(results["metrics"][split], rel=0.01)
        # Of the weights in half precision, not copied from the run.
        assert figures["loss"] != results["metrics"][split]["loss"]
    whole = measure_language_model(folder / "run", results)
    assert whole["test"] == pytest.approx(results["metrics"]["test"], rel=1e-6)
    assert whole["validation"] == pytest.approx(results["metrics"]["validation"], rel=1e-6)


def test_it_writes_what_the_run_writes(language_run, bundle: Path) -> None:
    folder, _ = language_run
    assert not list(bundle.glob("*.py"))
    assert "generation_config.json" in checksums(bundle)
    whole, rounded = (pipeline("text-generation", model=str(path)) for path in (folder / "run", bundle))
    assert type(rounded.model).__name__ == "LstmForCausalLM" and rounded.model.dtype == torch.float32
    stored, kept = (json.loads((path / "generation_config.json").read_text()) for path in (folder / "run", bundle))
    assert {name: kept.get(name) for name in stored} == stored
    assert rounded.model.generation_config.max_new_tokens == 7
    ids = rounded.tokenizer("It sat", return_tensors="pt")["input_ids"]
    written = [each.model.generate(ids)[0].tolist() for each in (whole, rounded)]
    assert written[0] == written[1] and len(written[0]) == len("It sat") + 7
    (answer,) = rounded("It sat", max_new_tokens=7, do_sample=False)
    assert answer["generated_text"] == rounded.tokenizer.decode(written[1])


def test_its_card(bundle: Path) -> None:
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert read_card_options(bundle / "card.json").example == "It sat"
    assert (
        "import hf_rnn\nfrom transformers import pipeline\n\n"
        'generator = pipeline("text-generation", model=hf_rnn.bundled("tiny"))\ngenerator("It sat")\n' in card
    )
    results = read_results(bundle / "results.json")
    lines = card.splitlines()
    start = lines.index("| | Test | Validation |")
    figures, tokens = results["metrics"], results["dataset"]["splits"]
    assert lines[start + 2 : start + 7] == [
        f"| Tokens | {tokens['test']} | {tokens['validation']} |",
        *(
            f"| {heading} | {figures['test'][name]:.4f} | {figures['validation'][name]:.4f} |"
            for heading, name in (
                ("Loss", "loss"),
                ("Perplexity", "perplexity"),
                ("Bits per character", "bits_per_character"),
            )
        ),
        "",
    ]
    assert lines[start + 7].startswith("Loss: nats for a token")
    assert f"{tokens['train']:,} train, {tokens['validation']} validation, {tokens['test']} test tokens." in card
    for senseless in ("rows", "Rows", "calibrated", "remove_unused_columns"):
        assert senseless not in card


def test_other_texts_than_those_of_the_run_are_refused(language_run, bundle: Path, tmp_path: Path) -> None:
    folder, results = language_run
    moved = json.loads(json.dumps(results))
    moved["training"]["arguments"]["train_file"] = str(tmp_path / "text.txt")
    with pytest.raises(FileNotFoundError, match=r"text\.txt"):
        measure_language_model(bundle, moved)
    (tmp_path / "text.txt").write_text(TEXT + "And so on.")
    tokens = results["dataset"]["splits"]["validation"]
    with pytest.raises(ValueError, match=f"The validation split of .* has {tokens + 1} tokens, and had {tokens} when"):
        measure_language_model(bundle, moved)
    shutil.copyfile(folder / "text.txt", tmp_path / "text.txt")
    del moved["training"]["arguments"]["validation_split_percentage"]
    with pytest.raises(ValueError, match=f"The validation split of .* has 0 tokens, and had {tokens} when"):
        measure_language_model(bundle, moved)


def test_a_file_to_measure_it_on_is_refused(
    language_run, script: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script(str(language_run[0] / "run"), "--name", "tiny", "--output_folder", str(tmp_path), "--eval_file", "x")
    assert "`--eval_file`: a language model is measured on the texts of its run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_documents_between_ends_of_text_and_tied_weights(tmp_path: Path, script: Callable[..., None]) -> None:
    lines = TEXT.splitlines()
    (tmp_path / "rows.json").write_text(json.dumps([{"text": line} for line in lines]))
    overrides = json.dumps({"embedding_size": 8, "hidden_size": 16, "tie_word_embeddings": True})
    source = {"train_file": str(tmp_path / "rows.json"), "reverse_text": True}
    results = run_language(tmp_path, model_type="gru", config_overrides=overrides, **source)
    script(str(tmp_path / "run"), "--name", "tiny", "--output_folder", str(tmp_path / "out"))
    bundle = tmp_path / "out" / "tiny"
    measured = read_results(bundle / "results.json")["metrics"]
    assert measured["test"] == pytest.approx(results["metrics"]["test"], rel=0.01)
    model = AutoModelForCausalLM.from_pretrained(bundle)
    assert model.lm_head.weight is model.get_input_embeddings().weight
