"""A run becomes the folder that its repository will be, and whatever is wrong with it is found first."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

from hf_rnn.export.onnx_export import export_onnx
from hf_rnn.hub import staging
from hf_rnn.hub.answers import answers, first_difference
from hf_rnn.hub.staging import StagingError, stage
from hf_rnn.runs.results import ResultsError, read_results, write_results
from tests.export.sequences import save_sequence_model
from tests.publishing import PRIVATE_FILES, with_card


@pytest.fixture
def run(run_folder: Path) -> Path:
    return with_card(run_folder)


@pytest.fixture
def not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a model is loaded or asked: what is wrong must be found before."""

    def fail(*args: Any) -> None:
        raise AssertionError("a model was asked")

    monkeypatch.setattr(staging, "answers", fail)


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_folder_has_what_others_need_and_nothing_else(run: Path, tmp_path: Path) -> None:
    (run / "stray.py").write_text("raise SystemExit")
    (run / "confusion.json").write_text("{}")
    (run / "pytorch_model.bin").write_bytes(b"pickle")
    export_onnx(run, run / "onnx")
    (run / "onnx" / "notes.bin").write_bytes(b"not of the export")
    staged = stage(run, tmp_path / "staged", repo_id="ana/film")

    saved = {path.name for path in run.glob("*.py")} - {"stray.py"}
    assert {"modeling_rnn.py", "configuration_rnn.py", "cells.py"} <= saved
    assert set(staged.files()) == saved | {
        "README.md",
        "config.json",
        "learning_curves.png",
        "model.safetensors",
        "onnx/export.json",
        "onnx/model.onnx",
        "onnx/runtime.json",
        "onnx/runtime.py",
        "onnx/runtime_scores.py",
        "onnx/runtime_search.py",
        "onnx/tokenizer.json",
        "results.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert not set(PRIVATE_FILES) & set(staged.files())
    for name in ("model.safetensors", "tokenizer.json", "results.json", "modeling_rnn.py"):
        assert (staged.folder / name).read_bytes() == (run / name).read_bytes(), name
    assert json.loads((staged.folder / "config.json").read_text())["auto_map"] == {
        "AutoConfig": "configuration_rnn.BiLstmConfig",
        "AutoModel": "modeling_rnn.BiLstmModel",
        "AutoModelForSequenceClassification": "modeling_rnn.BiLstmForSequenceClassification",
        "AutoModelForTokenClassification": "modeling_rnn.BiLstmForTokenClassification",
    }
    card, original = (ModelCard.load(folder / "README.md") for folder in (staged.folder, run))
    assert card.data.to_dict() == original.data.to_dict()
    assert 'model="ana/film", trust_remote_code=True' in card.text
    assert card.text.replace("ana/film", read_results(run / "results.json")["name"]) == original.text
    assert staged.auto_classes[-1] == "AutoModelForSequenceClassification"


def test_a_graph_of_other_weights_is_found(run: Path, tmp_path: Path) -> None:
    export_onnx(run, run / "onnx")
    weights = load_file(run / "model.safetensors")
    save_file({name: value * 1.1 for name, value in weights.items()}, run / "model.safetensors", {"format": "pt"})
    with pytest.raises(StagingError, match="is not the graph of the weights in .*scripts/export_onnx.py, or remove"):
        stage(run, tmp_path / "staged", repo_id="ana/film")
    (run / "onnx" / "model.onnx").unlink()
    with pytest.raises(StagingError, match="onnx has no model.onnx"):
        stage(run, tmp_path / "again", repo_id="ana/film")


def test_both_graphs_of_an_encoder_decoder_are_held_to_its_weights(tmp_path: Path) -> None:
    folder = save_sequence_model(tmp_path / "run", joint="general-attended")
    export_onnx(folder, folder / "onnx")
    staging._check_graph(folder)
    weights = load_file(folder / "model.safetensors")
    for name in ("model.encoder.bridge.layers.0.0.weight", "model.decoder.readout.weight"):
        changed = weights | {name: weights[name] * 1.1}
        save_file(changed, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(StagingError, match="onnx holds is not the graph of the weights in"):
            staging._check_graph(folder)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    (folder / "onnx" / "decoder.onnx").unlink()
    with pytest.raises(StagingError, match="onnx has no decoder.onnx"):
        staging._check_graph(folder)


def test_weights_that_are_not_the_originals_are_found(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = staging._save_model

    def save_otherwise(source: Path, target: Path, head: str) -> None:
        save(source, target, head)
        change_json(target / "config.json", pooling="mean")

    monkeypatch.setattr(staging, "_save_model", save_otherwise)
    with pytest.raises(StagingError, match=r"answers otherwise than the original: AutoModel\S*\.\w+\[0\]"):
        stage(run, tmp_path / "staged", repo_id="ana/film")


def test_code_that_needs_the_package_is_found(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = staging._save_model

    def save_otherwise(source: Path, target: Path, head: str) -> None:
        save(source, target, head)
        code = (target / "pooling.py").read_text()
        (target / "pooling.py").write_text("from __future__ import annotations\nimport hf_rnn\n" + code)

    monkeypatch.setattr(staging, "_save_model", save_otherwise)
    with pytest.raises(StagingError, match="(?s)A process without hf_rnn cannot use the staged copy.*hf_rnn"):
        stage(run, tmp_path / "staged", repo_id="ana/film")


def pickled_under_another_name(run: Path) -> None:
    (run / "model.safetensors").write_bytes(pickle.dumps({"weight": [1.0]}))


def pickled(run: Path) -> None:
    torch.save(load_file(run / "model.safetensors"), run / "pytorch_model.bin")
    (run / "model.safetensors").unlink()


def without_weights_of_its_head(run: Path) -> None:
    weights = load_file(run / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if "output" not in name}, run / "model.safetensors")


def without_figures(run: Path) -> None:
    document = read_results(run / "results.json")
    write_results({**document, "metrics": {"test": {"loss": 0.3}}}, run / "results.json")


def with_other_figures(run: Path) -> None:
    document = read_results(run / "results.json")
    document["metrics"]["test"]["accuracy"] = 0.5
    write_results(document, run / "results.json")


def with_broken_front_matter(run: Path) -> None:
    card = (run / "README.md").read_text()
    (run / "README.md").write_text(card.replace("license: apache-2.0", "license: [apache-2.0"))


def with_a_bad_model_index(run: Path) -> None:
    card = (run / "README.md").read_text()
    (run / "README.md").write_text(card.replace("\n  results:\n", "\n  outcomes:\n"))


def of_another_model(run: Path) -> None:
    change_json(run / "config.json", architectures=["GruForSequenceClassification"])


def of_a_stranger(run: Path) -> None:
    change_json(run / "config.json", model_type="quasi-rnn", auto_map={"AutoModel": "modeling_quasi.QuasiModel"})


def with_a_strange_tokenizer(run: Path) -> None:
    change_json(run / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]})


def with_code_of_another_repository(run: Path) -> None:
    change_json(run / "tokenizer_config.json", auto_map={"AutoTokenizer": ["bob/own--cells.OwnTokenizer", None]})


def with_half_a_config(run: Path) -> None:
    (run / "config.json").write_text('{"model_type": "bil')


def not_ended(run: Path) -> None:
    (run / "results.json").unlink()


@pytest.mark.usefixtures("not_asked")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (not_ended, "lacks results.json: it is not the folder of a run that has ended"),
        (without_figures, "`metrics` in .*results.json has no figure that a card shows: measure the model"),
        (with_other_figures, "shows Accuracy 0.9071 on the test split, which is not in results.json; write it again"),
        (with_broken_front_matter, "The front matter of .*README.md is not that of a model card; write it again"),
        (with_a_bad_model_index, "The front matter of .*README.md is not that of a model card"),
        (
            pickled,
            "no model.safetensors; it has pytorch_model.bin, and a pickle may run code .*`save_pretrained`",
        ),
        (pickled_under_another_name, "is not a safetensors file .*whatever its name says"),
        (without_weights_of_its_head, "The weights in .* lack classifier.output.bias, classifier.output.weight"),
        (with_half_a_config, "config.json is not a JSON object"),
        (of_another_model, "measured a BiLstmForSequenceClassification; `architectures` in config.json is"),
        (of_a_stranger, "is 'quasi-rnn', which neither hf_rnn nor transformers has"),
        (with_a_strange_tokenizer, "tokenizer_config.json asks for the code 'tokenization_own.OwnTokenizer'"),
        (with_code_of_another_repository, "asks for the code 'bob/own--cells.OwnTokenizer'"),
    ],
)
def test_what_is_wrong_with_a_run(run: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(run)
    with pytest.raises(StagingError, match=message):
        stage(run, tmp_path / "staged", repo_id="ana/film")


@pytest.mark.usefixtures("not_asked")
def test_a_figure_that_is_no_number(run: Path, tmp_path: Path) -> None:
    document = read_results(run / "results.json")
    document["metrics"]["test"]["accuracy"] = None
    (run / "results.json").write_text(json.dumps(document))
    with pytest.raises(ResultsError, match="`metrics.test.accuracy` must be float, not None"):
        stage(run, tmp_path / "staged", repo_id="ana/film")


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="`run_folder` is 'nowhere', which is no folder"):
        stage("nowhere", tmp_path / "staged", repo_id="ana/film")
    with pytest.raises(ValueError, match="`run_folder` must be a bundled checkpoint .*; it is 'bundled:nowhere'"):
        stage("bundled:nowhere", tmp_path / "staged", repo_id="ana/film")
    (tmp_path / "run").mkdir()
    with pytest.raises(StagingError, match="lacks config.json, results.json, README.md"):
        stage(tmp_path / "run", tmp_path / "staged", repo_id="ana/film")


def test_a_target_with_files_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(FileExistsError, match="`target`=.* must be empty"):
        stage(run, tmp_path, repo_id="ana/film")


def test_heads_that_were_not_trained_start_alike_and_the_random_numbers_go_on(run: Path) -> None:
    before = torch.get_rng_state()
    first = answers(str(run), ["AutoModelForTokenClassification"], None, None, {})
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    assert answers(str(run), ["AutoModelForTokenClassification"], None, None, {}) == first


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.0 + 1e-6]}, None),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.001]}, "a[1] is 2.001, not 2.0"),
        ({"a": [1.0]}, {"a": [float("nan")]}, "a[0] is nan, not 1.0"),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, "a is [1.0, 2.0], not [1.0]"),
        ({"a": [1.0]}, {"b": [1.0]}, " is {'b': [1.0]}, not {'a': [1.0]}"),
        ([{"label": "O"}], [{"label": "X"}], "[0].label is 'X', not 'O'"),
    ],
)
def test_the_first_difference(expected: Any, found: Any, difference: str | None) -> None:
    assert first_difference(expected, found) == difference


@pytest.mark.parametrize(
    "changes",
    [{}, {"arguments": {"num_train_epochs": 0}}, {"arguments": {"init_from_lm": "runs/lm"}, "base_model": "ana/lm"}],
)
def test_what_nobody_trained_is_not_staged(
    run: Path, tmp_path: Path, not_asked: None, changes: dict[str, Any]
) -> None:
    untrained(run, **changes)
    with pytest.raises(StagingError, match="0 training steps from random weights.*Train it, by `do_train`"):
        stage(run, tmp_path / "staged", repo_id="ana/film")
    assert list((tmp_path / "staged").iterdir()) == []


@pytest.mark.parametrize(
    "changes", [{"arguments": {"model_name_or_path": "runs/film"}}, {"base_model": "ana/film-base"}]
)
def test_what_was_trained_before_is_staged(run: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    untrained(run, **changes)
    assert stage(run, tmp_path / "staged", repo_id="ana/film").results["training"]["steps"] == 0


def untrained(run: Path, arguments: dict[str, Any] | None = None, base_model: str | None = None) -> None:
    """Have the results tell that the run trained nothing."""
    results = read_results(run / "results.json")
    results["training"] |= {"steps": 0, "epochs": 0, "selection": None, "arguments": arguments or {}}
    results["model"]["base_model"] = base_model
    write_results(results, run / "results.json")
