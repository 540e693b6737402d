"""scripts/benchmark_sequences.py: the quick run, with real peers in processes of their own."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_quick_run_measures_and_prints(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = ["ours", "torch", "onnx", "onnx-int8"]
    output = tmp_path / "sequences.json"
    flags = ["--quick", "--threads", "1", "--repeats", "1", "--peers", *peers, "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["benchmark_sequences.py", *flags])
    runpy.run_path(str(project / "scripts" / "benchmark_sequences.py"), run_name="__main__")
    document = json.loads(output.read_text())
    assert {key: row["status"] for key, row in document["training"].items()} == dict.fromkeys(peers[:2], "measured")
    assert {key: row["status"] for key, row in document["writing"].items()} == dict.fromkeys(peers, "measured")
    assert all(row["pairs_per_second"] > 0 for row in document["training"].values())
    # The same network; of an LSTM every matrix has 8 bits in the last, and the encoder's graph has what is its own.
    sizes = {key: row["size_mb"] for key, row in document["writing"].items()}
    assert sizes["ours"] == pytest.approx(sizes["torch"], rel=0.01)
    assert sizes["onnx"] == pytest.approx(sizes["torch"], rel=0.05)
    assert sizes["onnx-int8"] < 0.3 * sizes["onnx"]
    printed = capsys.readouterr().out
    assert all(row["label"] in printed for row in document["writing"].values())


def test_an_unknown_peer_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark_sequences.py", "--peers", "theano"])
    with pytest.raises(ValueError, match="`peers` names 'theano'; it may name: ours, "):
        runpy.run_path(str(project / "scripts" / "benchmark_sequences.py"), run_name="__main__")
