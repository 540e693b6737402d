"""scripts/measure_gate_bias.py, run as people run it, and its table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.benchmark.gate_bias import GateBiasArguments, gate_bias_table, measure_gate_bias, read_gate_bias


def write_texts(path: Path) -> Path:
    rows = [f"a {word} film,{label}" for word, label in (("fine", "good"), ("dull", "bad"))] * 15
    path.write_text("\n".join(["text,label", *rows]))
    return path


def test_from_nothing_to_the_table_and_the_file(run_script: Callable[..., Any], tmp_path: Path) -> None:
    write_texts(tmp_path / "films.csv")
    done = run_script("measure_gate_bias", "--texts", "films.csv", "--quick", "--output", "out/g.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "g.json").read_text())
    assert {row["task"] for row in document["measured"]} == {"first of 10 tokens", "films"}
    assert {(row["cell"], row["gate_bias"]) for row in document["measured"]} == {
        (cell, bias) for cell in ("gru", "lstm") for bias in range(4)
    }
    assert all(len(row["accuracies"]) == 1 and 0 <= row["accuracies"][0] <= 1 for row in document["measured"])
    assert "| gru, 3 | " in done.stdout and done.stdout.endswith("Wrote out/g.json.\n")
    with pytest.raises(ValueError, match="is of a quick run"):
        read_gate_bias(tmp_path / "out" / "g.json")


def test_the_bias_is_that_of_the_networks_gates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(
        "hf_rnn.benchmark.gate_bias._accuracy",
        lambda model, *_: built.append((type(model).__name__, model.config.gate_bias)) or 1.0,
    )
    texts = write_texts(tmp_path / "films.csv")
    measure_gate_bias(GateBiasArguments(str(texts), str(tmp_path / "g.json"), quick=True), lambda line: None)
    cells = ("GruForSequenceClassification", "LstmForSequenceClassification")
    assert built == [(cell, bias) for cell in cells for bias in range(4)] * 2


def test_the_table_has_the_mean_of_the_seeds() -> None:
    rows = [
        {"task": task, "cell": "gru", "gate_bias": bias, "accuracies": [0.5, 0.5 + bias / 10]}
        for task in ("far", "near")
        for bias in (0, 3)
    ]
    document = {"measured": rows, "seeds": [0, 1], "date": "2026-01-02T03:04:05+00:00", "method": "Accuracy."}
    assert gate_bias_table(document) == (
        "| Cell, `gate_bias` | far | near |\n| --- | ---: | ---: |\n"
        "| gru, 0 | 0.500 | 0.500 |\n| gru, 3 | 0.650 | 0.650 |\n"
        "\nAccuracy. Seeds 0, 1; 2026-01-02.\n"
    )


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`texts`='gone.csv' does not exist"):
        GateBiasArguments("gone.csv")
    path = tmp_path / "a.csv"
    path.write_text("text,class\na,b\n" * 4)
    with pytest.raises(ValueError, match="`output`='a.txt' must be the name of a .json file"):
        GateBiasArguments(str(path), output="a.txt")
    with pytest.raises(ValueError, match="`texts`=.* has columns .*'text', 'class'.*; it must have 'label'"):
        measure_gate_bias(GateBiasArguments(str(path), str(tmp_path / "g.json"), quick=True), lambda line: None)
