"""scripts/benchmark_gpu.py, on the CPU: what a GPU would measure runs, and without one nothing is written."""

from __future__ import annotations

import json
import runpy
import sys

import pytest
import torch

from hf_rnn.benchmark.speed import on_gpu


def run(project, monkeypatch, *flags: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark_gpu.py", *flags])
    runpy.run_path(str(project / "scripts" / "benchmark_gpu.py"), run_name="__main__")


def test_a_small_run_on_the_cpu(project, monkeypatch, tmp_path, capsys):
    for name, value in {"VOCABULARY": 20, "EMBEDDING": 4, "UNITS": (3, 2), "LONGEST": 6}.items():
        monkeypatch.setattr(on_gpu, name, value)
    output = tmp_path / "new" / "gpu.json"
    run(
        project,
        monkeypatch,
        "--device",
        "cpu",
        "--texts",
        "10",
        "--batch_size",
        "4",
        "--rounds",
        "2",
        "--output",
        str(output),
    )
    document = json.loads(output.read_text())
    assert document["origin"]["cuda"] is None and document["arguments"]["texts"] == 10
    for kind in ("training", "inference"):
        figures = document["figures"]["float32"][kind]
        assert figures.keys() == {"hf_rnn BiLSTM", "torch.nn.LSTM, packed"}
        for found in figures.values():
            assert len(found["rounds"]) == 2 and found["texts_per_second"] == sum(found["rounds"]) / 2 > 0
    assert capsys.readouterr().out.count("texts a second") == 4


def test_both_networks_have_as_many_weights():
    (ours, _), (theirs, _) = on_gpu._networks(torch.device("cpu")).values()
    weights = [sum(parameter.numel() for parameter in network.parameters()) for network in (ours, theirs)]
    assert weights[0] == weights[1]


def test_without_a_gpu_nothing_is_measured(project, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        run(project, monkeypatch, "--output", str(tmp_path / "gpu.json"))
    assert ended.value.code == 1 and "finds no GPU" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
