"""scripts/export_onnx.py: exports, and what 8 bits cost."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline

import hf_rnn
from hf_rnn.export.runtime import load
from hf_rnn.metrics.classification import ClassificationMetric
from tests.benchmark.comparisons import save_siamese
from tests.export.language import save_language_model
from tests.export.sequences import save_sequence_model


REVIEWS = [("A great film.", 1), ("Dull, dull, dull.", 0), ("Wonderful, moving and funny.", 1), ("A great film?", 0)]
NEWS = [
    (["Angela", "Merkel", "visited", "Paris", "."], ["B-PER", "I-PER", "O", "B-LOC", "O"]),
    (["U.N.", "officials", "left", "Baghdad", "."], ["B-ORG", "O", "O", "B-LOC", "O"]),
]


@pytest.fixture
def export(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The script, run with flags; gives the report that it wrote."""

    def run(checkpoint: str | Path, *flags: str) -> dict[str, Any]:
        command = ["export_onnx.py", str(checkpoint), "--output", str(tmp_path / "out"), *flags]
        monkeypatch.setattr(sys, "argv", command)
        runpy.run_path(str(project / "scripts" / "export_onnx.py"), run_name="__main__")
        report: dict[str, Any] = json.loads((tmp_path / "out" / "export.json").read_text())
        return report

    return run


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_classifier_is_measured_with_and_without_8_bits(
    tmp_path: Path, export: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"review": text, "verdict": label} for text, label in REVIEWS]
    report = export(
        "bundled:bilstm-imdb",
        *("--int8", "--eval_file", write_rows(tmp_path / "rows.jsonl", rows)),
        *("--text_column_names", "review", "--label_column_name", "verdict"),
    )
    evaluation = report["evaluation"]
    assert (evaluation["file"], evaluation["rows"], evaluation["metric"]) == ("rows.jsonl", 4, "accuracy")
    # "A great film?" is labelled 0 here.
    expected = ClassificationMetric().compute(predictions=[1, 0, 1, 1], references=[1, 0, 1, 0], num_labels=2)
    assert evaluation["float32"]["accuracy"] == evaluation["int8"]["accuracy"] == expected["accuracy"] == 0.75
    printed = capsys.readouterr().out
    assert "float32: accuracy 0.7500\nint8: accuracy 0.7500\n" in printed
    assert f"model_int8.onnx: {report['size_bytes']['model_int8.onnx'] / 1e6:.2f} MB" in printed


def test_a_tagger_is_measured(tmp_path: Path, export: Callable[..., dict[str, Any]]) -> None:
    rows = [{"tokens": tokens, "ner_tags": tags} for tokens, tags in NEWS]
    rows[1]["ner_tags"] = ["B-LOC", "O", "O", "B-LOC", "O"]
    report = export(hf_rnn.bundled("bilstm-crf-conll2003"), "--eval_file", write_rows(tmp_path / "rows.jsonl", rows))
    assert report["evaluation"]["metric"] == "f1"
    # Of four entities all are found, one as another type.
    assert report["evaluation"]["float32"]["f1"] == pytest.approx(0.75)
    assert "int8" not in report["evaluation"]


def test_a_siamese_network_is_measured(tmp_path: Path, export: Callable[..., dict[str, Any]]) -> None:
    rows = [
        {"sentence1": "a fine film", "sentence2": "a fine film", "label": 1},
        {"sentence1": "a fine film", "sentence2": "so dull and long", "label": 0},
    ]
    checkpoint = save_siamese(tmp_path / "checkpoint", threshold=0.999)
    report = export(checkpoint, "--eval_file", write_rows(tmp_path / "rows.jsonl", rows))
    assert report["evaluation"]["float32"]["accuracy"] == 1


def test_bad_input_ends_with_a_message(
    tmp_path: Path, export: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        export(tmp_path)
    assert "is no checkpoint: it has no config.json" in capsys.readouterr().err


def test_a_language_model_is_exported_and_not_measured(
    tmp_path: Path, export: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = save_language_model(tmp_path / "checkpoint")
    with pytest.raises(SystemExit):
        export(checkpoint, "--eval_file", "rows.jsonl")
    assert "`--eval_file` is 'rows.jsonl'; a language model is exported without it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert export(checkpoint)["model_class"] == "LstmForCausalLM"
    stock = pipeline("text-generation", model=str(checkpoint))
    assert load(tmp_path / "out")("the", max_new_tokens=9) == stock("the", max_new_tokens=9, do_sample=False)


def test_an_encoder_decoder_is_exported_and_not_measured(
    tmp_path: Path, export: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = save_sequence_model(tmp_path / "checkpoint")
    with pytest.raises(SystemExit):
        export(checkpoint, "--eval_file", "rows.jsonl")
    assert "`--eval_file` is 'rows.jsonl'; an encoder-decoder is exported without it" in capsys.readouterr().err
    report = export(checkpoint, "--int8")
    assert report["model_class"] == "GruForSeq2SeqLM"
    printed = capsys.readouterr().out
    for name in ("encoder.onnx", "encoder_int8.onnx", "decoder.onnx", "decoder_int8.onnx"):
        assert f"{name}: {report['size_bytes'][name] / 1e6:.2f} MB" in printed
