"""Denormals are flushed in every thread, for as long as a block lasts and no longer."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
import torch
from transformers import TrainerCallback

from hf_rnn import DanConfig, DanForSequenceClassification
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.techniques import denormals as floating_point
from hf_rnn.training.techniques.denormals import all_threads_flush, calling_thread_flushes, flushed_denormals
from hf_rnn.training.trainer import RecurrentTrainer


ELEMENTS = 1_000_000


def halves_kept() -> list[bool]:
    """Whether the first and the last half of a large tensor keep a denormal: with two threads, one half for each."""
    products = torch.full((ELEMENTS,), torch.finfo(torch.float32).tiny).mul(0.5) > 0
    return [bool(products[: ELEMENTS // 2].all()), bool(products[ELEMENTS // 2 :].all())]


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads, the second of which has been at work (an OpenMP worker that keeps the mode it began with)."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert halves_kept() == [True, True]
    yield
    torch.set_flush_denormal(False)
    floating_point._set_everywhere(False)
    torch.set_num_threads(before)


def test_the_stock_switch_does_not_reach_the_workers(two_threads: None) -> None:
    """Why the module exists; once this fails, torch does it by itself."""
    torch.set_flush_denormal(True)
    assert halves_kept() == [False, True]
    assert calling_thread_flushes()
    assert not all_threads_flush()


def test_every_thread_flushes_inside_the_block_only(two_threads: None) -> None:
    with flushed_denormals() as reached:
        assert reached
        assert halves_kept() == [False, False]
        assert calling_thread_flushes() and all_threads_flush()
    assert halves_kept() == [True, True]
    assert not calling_thread_flushes() and not all_threads_flush()


def test_the_mode_found_is_restored_where_it_was_on(two_threads: None) -> None:
    with flushed_denormals():
        with flushed_denormals():
            assert halves_kept() == [False, False]
        assert halves_kept() == [False, False]
    assert halves_kept() == [True, True]


def test_the_mode_is_restored_after_an_exception(two_threads: None) -> None:
    with pytest.raises(ZeroDivisionError), flushed_denormals():
        assert halves_kept() == [False, False]
        raise ZeroDivisionError
    assert halves_kept() == [True, True]


def test_importing_the_package_changes_nothing(project: Path) -> None:
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "import hf_rnn, hf_rnn.training.trainer, hf_rnn.tasks.text_classification.task\n"
        f"products = torch.full(({ELEMENTS},), torch.finfo(torch.float32).tiny).mul(0.5)\n"
        "assert bool((products > 0).all())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_unreachable_workers_are_reported(
    two_threads: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(floating_point, "_openmp_runtime", lambda: None)
    with caplog.at_level(logging.WARNING), flushed_denormals() as reached:
        assert not reached
        assert halves_kept() == [False, True]
    assert "not flushed in every thread" in caplog.text
    assert halves_kept() == [True, True]


def test_nothing_is_reported_where_all_are_reached(two_threads: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), flushed_denormals():
        pass
    assert not caplog.records


class RecordsMode(TrainerCallback):
    def __init__(self) -> None:
        self.flushed: list[bool] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.flushed.append(all_threads_flush())


def test_training_runs_with_it_and_leaves_nothing_behind(two_threads: None, tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"input_ids": [[1, 2], [3, 4], [5, 6]], "labels": [0, 1, 0]})
    recorder = RecordsMode()
    RecurrentTrainer(
        model=DanForSequenceClassification(DanConfig(vocab_size=8, embedding_size=4, hidden_size=4)),
        args=RecurrentTrainingArguments(
            output_dir=str(tmp_path),
            num_train_epochs=1,
            per_device_train_batch_size=1,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=rows,
        callbacks=[recorder],
    ).train()
    assert recorder.flushed == [True] * 3
    assert halves_kept() == [True, True]
