"""scripts/benchmark.py: the quick run, with real peers in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_quick_run_measures_and_prints(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = ["ours", "ours-bf16", "ours-gru", "ours-bare-loop", "ours-reference", "torch-packed", "tfidf"]
    flags = ["--quick", "--threads", "1", "--peers", *peers, "--output_dir", str(tmp_path)]
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *flags])
    runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
    document = json.loads((tmp_path / "speed.json").read_text())
    rows = {key: row for section in ("training", "inference") for key, row in document[section].items()}
    assert set(rows) == set(peers)
    assert {key: row["status"] for key, row in rows.items()} == dict.fromkeys(peers, "measured")
    assert all(row["texts_per_second"] > 0 for row in rows.values())
    assert 0 < document["inference"]["ours"]["share_of_gemm_peak"] < 1
    # The same network, and a GRU has three gates for its four.
    sizes = {key: row["size_mb"] for key, row in document["inference"].items()}
    assert sizes["ours"] == pytest.approx(sizes["torch-packed"], rel=0.01)
    assert sizes["ours-bf16"] == pytest.approx(sizes["ours"] / 2, rel=0.01)
    assert sizes["ours-gru"] < sizes["ours"]
    printed = capsys.readouterr().out
    assert all(row["label"] in printed for row in rows.values())


@pytest.mark.slow
def test_keras_is_trained_in_all_its_ways(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed")
    peers = ["keras", "keras-locked", "keras-buckets", "keras-bf16"]
    flags = ["--quick", "--threads", "1", "--repeats", "1", "--peers", *peers, "--output_dir", str(tmp_path)]
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *flags])
    runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
    training = json.loads((tmp_path / "speed.json").read_text())["training"]
    assert {key: row["status"] for key, row in training.items()} == dict.fromkeys(peers, "measured")


def test_an_unknown_peer_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--peers", "theano"])
    with pytest.raises(ValueError, match="`peers` names 'theano'; it may name: ours, "):
        runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
