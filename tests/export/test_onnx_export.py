"""The export of a checkpoint to a folder: what it writes, and what it refuses before it writes anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import hf_rnn
from hf_rnn.export import export_onnx, parity, runtime, runtime_scores, runtime_search, runtime_settings
from hf_rnn.export.runtime import load
from hf_rnn.models.modeling_siamese import SiameseForPairClassification, SiameseModel
from tests.benchmark.comparisons import TEXTS, save_bert, save_bilstm, save_encoder, save_siamese
from tests.missing import pretend


RUNTIME = (runtime, runtime_scores, runtime_search)
FILES = {"export.json", "model.onnx", "model_int8.onnx", "runtime.json", "tokenizer.json"}
FILES |= {"runtime.py", "runtime_scores.py", "runtime_search.py"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_and_its_report(classifier: Path) -> None:
    assert names(classifier) == FILES
    report = json.loads((classifier / "export.json").read_text())
    assert report["model_class"] == "BiLstmForSequenceClassification"
    assert report["opset"] == 18
    assert 0 < report["parity"]["largest_difference"] <= report["parity"]["tolerance"] == 1e-5
    assert report["size_bytes"] == {
        name: (classifier / name).stat().st_size for name in ("model.onnx", "model_int8.onnx")
    }
    for module in RUNTIME:
        source = Path(module.__file__)
        assert (classifier / source.name).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", ["classifier", "tagger"])
def test_8_bits_are_a_fraction_of_the_size(name: str, request: pytest.FixtureRequest) -> None:
    sizes = json.loads((request.getfixturevalue(name) / "export.json").read_text())["size_bytes"]
    assert sizes["model_int8.onnx"] < 0.4 * sizes["model.onnx"]


def test_a_model_in_hand_is_exported_and_left_as_it_is(tmp_path: Path) -> None:
    checkpoint = save_bilstm(tmp_path / "checkpoint")
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float16).train()
    folder = export_onnx(model, tmp_path / "new" / "folder", opset=20)
    assert model.training and model.dtype == torch.float16
    assert names(folder) == FILES - {"model_int8.onnx"}
    assert load(folder)(TEXTS) == load(export_onnx(checkpoint, tmp_path / "other"))(TEXTS)


def test_an_export_replaces_an_earlier_one(tmp_path: Path, siamese_checkpoint: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    export_onnx(save_bilstm(tmp_path / "checkpoint"), tmp_path, int8=True)
    export_onnx(siamese_checkpoint, tmp_path)
    assert names(tmp_path) == FILES - {"model_int8.onnx"} | {"notes.txt", "checkpoint"}
    assert load(tmp_path).encode(TEXTS[0]).shape == (3,)


def test_nothing_is_written_of_a_graph_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "_difference", lambda *given: 2e-5)
    with pytest.raises(parity.ParityError, match="differs from the model by 2e-05"):
        export_onnx(save_bilstm(tmp_path / "checkpoint"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_settings_are_of_the_version_that_is_read() -> None:
    assert runtime_settings.VERSION == runtime.VERSION


def test_what_is_no_checkpoint_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`model`=.* is no checkpoint: it has no config.json"):
        export_onnx(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="is a BertForSequenceClassification; it must be a recurrent model"):
        export_onnx(save_bert(tmp_path / "bert"), tmp_path / "out")
    with pytest.raises(ValueError, match="is a BertModel; it must be"):
        export_onnx(save_encoder(tmp_path / "encoder"), tmp_path / "out")
    with pytest.raises(ValueError, match="`opset`=7 must be a whole number from 18"):
        export_onnx(hf_rnn.bundled("bilstm-imdb"), tmp_path / "out", opset=7)
    assert not (tmp_path / "out").exists()


def test_the_siamese_network_of_a_classifier_of_pairs_is_exported(tmp_path: Path) -> None:
    checkpoint = save_siamese(tmp_path / "pairs", SiameseForPairClassification)
    model = SiameseModel.from_pretrained(checkpoint)
    answer = load(export_onnx(checkpoint, tmp_path / "out"))({"text": TEXTS[0], "text_pair": TEXTS[1]})
    assert answer == {"score": pytest.approx(model.similarity(TEXTS[0], TEXTS[1]).item(), abs=1e-5)}


def test_a_tokenizer_is_needed(tmp_path: Path) -> None:
    checkpoint = save_bilstm(tmp_path / "checkpoint")
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    model.name_or_path = ""
    with pytest.raises(ValueError, match="`tokenizer` is None, and the model was not loaded from a folder"):
        export_onnx(model, tmp_path / "out")
    export_onnx(model, tmp_path / "out", tokenizer=AutoTokenizer.from_pretrained(checkpoint))


def test_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, onnxruntime=None)
    with pytest.raises(ImportError, match=r'ONNX export needs onnxruntime.*: pip install "hf_rnn\[export\]"'):
        export_onnx(tmp_path, tmp_path / "out")


def test_the_room_has_no_other_name() -> None:
    with pytest.raises(AttributeError, match="'hf_rnn.export' has no attribute 'export_onx'"):
        _ = hf_rnn.export.export_onx  # type: ignore[attr-defined]
