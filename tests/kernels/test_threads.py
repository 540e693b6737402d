"""How many threads torch computes with: one for recurrent models, as many as before afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from hf_rnn import (
    BiLstmConfig,
    BiLstmForSequenceClassification,
    DanConfig,
    DanForSequenceClassification,
    GruConfig,
    GruModel,
)
from hf_rnn.kernels.threads import computing_threads, default_threads, kernel_threads
from hf_rnn.models.paths import compiled_layer
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer

from ..tasks.small_runs import run, write_reviews


SMALL = {"vocab_size": 8, "embedding_size": 4, "hidden_size": 4}


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which nobody chose a number but torch."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def bert() -> BertForSequenceClassification:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return BertForSequenceClassification(BertConfig(vocab_size=8, **sizes))


@pytest.mark.parametrize(
    ("make", "threads"),
    [
        (lambda: BiLstmForSequenceClassification(BiLstmConfig(**SMALL)), 1),
        (lambda: GruModel(GruConfig(**SMALL)), 1),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), 1),
        (lambda: DanForSequenceClassification(DanConfig(**SMALL)), 3),
        (bert, 3),
    ],
    ids=["BiLSTM", "GRU", "torch's LSTM", "mean of embeddings", "BERT"],
)
def test_default(make: Any, threads: int) -> None:
    assert default_threads(make()) == threads


def test_the_number_of_the_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_threads(nn.GRU(2, 2)) == 3


@pytest.mark.parametrize("first_out", [0, 1])
def test_blocks_of_several_threads_end_in_any_order(first_out: int) -> None:
    # As in a server: a call begins before another has ended.
    blocks = [computing_threads(nn.GRU(2, 2), threads) for threads in (1, 2)]
    for block in blocks:
        block.__enter__()
    assert torch.get_num_threads() == kernel_threads() == 2
    blocks[first_out].__exit__(None, None, None)
    assert torch.get_num_threads() == kernel_threads() == (2, 1)[first_out]
    blocks[1 - first_out].__exit__(None, None, None)
    assert torch.get_num_threads() == kernel_threads() == 3


def test_inside_the_block_only() -> None:
    with computing_threads(nn.GRU(2, 2)) as threads:
        assert threads == torch.get_num_threads() == 1
        with computing_threads(nn.GRU(2, 2), 2) as inner:
            assert inner == torch.get_num_threads() == kernel_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_the_kernels_keep_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.kernels.threads.compiled_layer", object)
    with computing_threads(GruModel(GruConfig(**SMALL))) as threads:
        assert (threads, torch.get_num_threads(), kernel_threads()) == (3, 1, 3)
        # The trainer's own block, inside that of the script.
        with computing_threads(GruModel(GruConfig(**SMALL))) as threads:
            assert (threads, torch.get_num_threads(), kernel_threads()) == (3, 1, 3)
    assert torch.get_num_threads() == kernel_threads() == 3
    monkeypatch.setattr("hf_rnn.kernels.threads.compiled_layer", lambda: None)
    with computing_threads(GruModel(GruConfig(**SMALL))) as threads:
        assert threads == 1


def test_restored_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), computing_threads(nn.GRU(2, 2)):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("given", "threads"), [(None, 1), (2, 2)])
def test_the_trainer_computes_with_them(tmp_path: Path, given: int | None, threads: int) -> None:
    seen: list[tuple[bool, int]] = []
    model = BiLstmForSequenceClassification(BiLstmConfig(**SMALL))
    model.register_forward_pre_hook(lambda module, args: seen.append((module.training, torch.get_num_threads())))
    rows = datasets.Dataset.from_dict({"input_ids": [[1, 2], [3, 4]], "labels": [0, 1]})
    trainer = RecurrentTrainer(
        model=model,
        args=RecurrentTrainingArguments(
            output_dir=str(tmp_path),
            num_train_epochs=1,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            use_cpu=True,
            disable_tqdm=True,
            torch_threads=given,
        ),
        train_dataset=rows,
        eval_dataset=rows,
    )
    trainer.train()
    assert torch.get_num_threads() == 3
    trainer.evaluate()
    trainer.predict(rows)
    assert seen == [(True, threads), (False, threads), (False, threads)]
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"torch_threads": 2}, 2)])
def test_the_results_say_how_many(tmp_path: Path, given: dict[str, int], threads: int) -> None:
    files = write_reviews(tmp_path / "data", train=12, validation=4, test=4)
    results = run(tmp_path / "run", **files, num_train_epochs=1, **given)
    assert results["machine"]["torch_threads"] == threads
    kernels = 3 if compiled_layer() is not None and not given else threads
    assert results["training"]["threads"] == kernels
    assert torch.get_num_threads() == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="torch has another OpenMP runtime")
@pytest.mark.parametrize(("given", "spins"), [(None, False), ("ACTIVE", True)])
@pytest.mark.parametrize("command", [["scripts/run_text_classification.py"], ["-m", "hf_rnn", "bundled"]])
def test_threads_of_a_command_do_not_spin(project: Path, command: list[str], given: str | None, spins: bool) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project), "OMP_DISPLAY_ENV": "VERBOSE"}
    environment.pop("OMP_WAIT_POLICY", None)
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    done = subprocess.run(
        [sys.executable, *command, "--help"], env=environment, cwd=project, capture_output=True, text=True, check=True
    )
    # As GNU's OpenMP runtime itself says when torch loads it; without a policy it spins 300,000 times.
    (line,) = {line.strip() for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line}
    assert line.endswith("= '0'") is not spins
