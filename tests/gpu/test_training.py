"""Whole runs on a GPU, by the Trainer: gone on with, compiled, in half precision."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.gpu import checks
from tests.tasks import small_runs


ON_CUDA = pytest.mark.skipif(checks.missing() is not None, reason=f"{checks.missing()}")
DEVICES = ["cpu", pytest.param("cuda", marks=ON_CUDA)]
SAVING = {"save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4, "save_total_limit": 9}


def weights(output: Path) -> dict[str, torch.Tensor]:
    return load_file(output / "model.safetensors")


@pytest.mark.parametrize("device", DEVICES)
def test_a_run_that_goes_on_ends_as_one_without_a_break(tmp_path, device):
    data = small_runs.write_reviews(tmp_path / "data")
    own = {"use_cpu": device == "cpu", "load_best_model_at_end": False, **SAVING, **data}
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    small_runs.run(whole, **own)
    shutil.copytree(whole / "checkpoint-8", resumed / "checkpoint-8")
    small_runs.run(resumed, resume_from_checkpoint=str(resumed / "checkpoint-8"), **own)
    assert (resumed / "checkpoint-12").exists() and not (resumed / "checkpoint-4").exists()
    before, expected, found = (weights(folder) for folder in (whole / "checkpoint-8", whole, resumed))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(before[name], value) for name, value in expected.items()), "it went on"


@ON_CUDA
@pytest.mark.parametrize("flag", ["bf16", "fp16", "torch_compile"])
def test_a_run_in_another_way_learns_as_well(tmp_path, flag):
    if flag == "torch_compile":
        pytest.importorskip("triton", reason="torch.compile needs triton on a GPU")
    data = small_runs.write_reviews(tmp_path / "data")
    losses = []
    for own in ({}, {flag: True}):
        results = small_runs.run(tmp_path / f"run{len(losses)}", use_cpu=False, **own, **data)
        losses.append(results["metrics"]["test"]["loss"])
    assert losses[1] == pytest.approx(losses[0], abs=0.1)
