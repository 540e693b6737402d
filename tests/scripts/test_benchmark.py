"""scripts/benchmark.py: the quick run, with real peers in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
import time
from pathlib import Path

import pytest

from hf_rnn.benchmark.peers import chosen
from hf_rnn.benchmark.processes import Lineup
from hf_rnn.benchmark.texts import write_sample


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


@pytest.mark.slow
def test_keras_takes_as_long_after_a_wait(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_RNN_CORPORA", str(tmp_path / "none"))
        write_sample(tmp_path, count=32, fitted=100)
    with Lineup(chosen(["keras", "keras-buckets"]), "train", tmp_path, batch_size=8, threads=1) as line:
        rounds = []
        for _ in range(6):
            rounds.append(line.ask(do="epoch"))
            # As while others are measured.
            time.sleep(6)
    for key in ("keras", "keras-buckets"):
        # The first traces the graph. Waits show as seconds; an epoch of 32 texts is a fraction of one.
        assert max(answers[key]["seconds"] for answers in rounds[1:]) < 2, rounds


def test_an_unknown_peer_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--peers", "theano"])
    with pytest.raises(ValueError, match="`peers` names 'theano'; it may name: ours, "):
        runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
