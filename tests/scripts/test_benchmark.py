"""The layer benchmark compares the same network: same size, same answers; and writes what it measured."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch


SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "benchmark.py"


def test_contenders_are_the_same_network():
    benchmark = runpy.run_path(str(SCRIPT))
    ours, padded, packed = benchmark["contenders"]()
    sizes = {sum(weight.numel() for weight in row.model.parameters()) for row in (ours, padded, packed)}
    assert len(sizes) == 1
    by_shape = [weight.data for weight in ours.model.parameters()]
    for row in (padded, packed):
        for weight, own in zip(row.model.parameters(), by_shape, strict=True):
            weight.data.copy_(own)
    batch = benchmark["make_batches"](1, 4)[0]
    assert len(set(batch[1].tolist())) > 1, "without unequal lengths there is no padding to tell them apart"
    exact, inexact, reference = (row.predict(batch) for row in (ours, padded, packed))
    torch.testing.assert_close(exact, reference, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(inexact, reference, rtol=1e-3)


def test_figures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    output = tmp_path / "deep" / "layers.json"
    flags = ["--batches", "3", "--batch_size", "2", "--threads", "1", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *flags])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    document = json.loads(output.read_text())
    assert len(document["figures"]) == 3
    for row in document["figures"].values():
        assert set(row) == {"training", "inference", "latency_ms"} and min(row.values()) > 0
    assert document["machine"]["torch_threads"] == 1
    printed = capsys.readouterr().out
    assert all(name in printed for name in document["figures"])
