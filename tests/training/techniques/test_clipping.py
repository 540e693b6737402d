"""Clipping by value: each step is the one that is computed by hand, with accumulated batches and in bfloat16 too."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForSequenceClassification, set_seed

from hf_rnn import GruConfig
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer


RATE, VALUE = 0.5, 0.004
ROWS = datasets.Dataset.from_dict(
    {"input_ids": [[1, 2, 3], [4, 5, 6], [6, 5, 1], [2, 2, 4]], "labels": [0, 1, 1, 0], "length": [3, 3, 3, 3]}
)


def network() -> Any:
    set_seed(0)
    return AutoModelForSequenceClassification.from_config(GruConfig(vocab_size=7, embedding_size=4, hidden_size=5))


def step(model: Any, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Train one step on all rows, and give how far each weight has moved, as a share of the rate."""
    before = copy.deepcopy(model.state_dict())
    arguments = RecurrentTrainingArguments(
        str(folder), optim="sgd", learning_rate=RATE, lr_scheduler_type="constant", max_steps=1, eval_strategy="no",
        save_strategy="no", load_best_model_at_end=False, use_cpu=True, disable_tqdm=True,
        **{"per_device_train_batch_size": 4, **options},
    )  # fmt: skip
    RecurrentTrainer(model, arguments, train_dataset=ROWS).train()
    return {name: (weight - before[name]) / -RATE for name, weight in model.state_dict().items()}


def gradients(model: Any, dtype: torch.dtype | None = None) -> dict[str, torch.Tensor]:
    batch = {"input_ids": torch.tensor(ROWS["input_ids"][:]), "labels": torch.tensor(ROWS["labels"][:])}
    with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
        loss = model.train()(**batch).loss
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("accumulated", [1, 2, 4])
def test_each_number_is_clipped(accumulated: int, tmp_path: Path) -> None:
    options = {"per_device_train_batch_size": 4 // accumulated, "gradient_accumulation_steps": accumulated}
    moved = step(network(), tmp_path, max_grad_value=VALUE, max_grad_norm=0.0, **options)
    wanted = {name: found.clamp(-VALUE, VALUE) for name, found in gradients(network()).items()}
    clipped = torch.cat([found.flatten() for found in wanted.values()]).abs() == VALUE
    assert 0.1 < clipped.double().mean() < 0.9
    for name, found in wanted.items():
        torch.testing.assert_close(moved[name], found, rtol=0, atol=1e-6)


def test_the_norm_is_clipped_before(tmp_path: Path) -> None:
    moved = step(network(), tmp_path, max_grad_value=VALUE, max_grad_norm=0.05)
    found = gradients(network())
    norm = torch.linalg.vector_norm(torch.cat([each.flatten() for each in found.values()]))
    assert norm > 0.05
    for name, each in found.items():
        torch.testing.assert_close(moved[name], (each * 0.05 / norm).clamp(-VALUE, VALUE), rtol=0, atol=1e-6)


def test_in_bfloat16(tmp_path: Path) -> None:
    moved = step(network(), tmp_path, max_grad_value=VALUE, max_grad_norm=0.0, bf16=True)
    for name, found in gradients(network(), torch.bfloat16).items():
        torch.testing.assert_close(moved[name], found.clamp(-VALUE, VALUE), rtol=0, atol=1e-4)
        assert moved[name].abs().max() <= VALUE * 1.001


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_size_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"`max_grad_value`={value} must be a finite number above 0, or absent"):
        RecurrentTrainingArguments(max_grad_value=value)
