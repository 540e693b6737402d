"""`bptt_steps`: a step of the Trainer is that of a loop over chunks, and what has no such cut is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from hf_rnn import DanConfig, RecurrentCache
from hf_rnn.training.arguments import LanguageTrainingArguments, RecurrentTrainingArguments
from hf_rnn.training.trainer import RecurrentTrainer
from tests.training.techniques.test_clipping import ROWS, network, step


def by_hand(model: Any, length: int) -> dict[str, torch.Tensor]:
    """The gradient where the state is read a chunk at a time, and cut free between chunks."""
    ids, labels, state = torch.tensor(ROWS["input_ids"][:]), torch.tensor(ROWS["labels"][:]), None
    model.train()
    for start in range(0, ids.shape[1], length):
        output = model.model(ids[:, start : start + length], use_cache=True, cache=state)
        cut = [tuple(part.detach() for part in layer) for layer in output.cache.states]
        state = RecurrentCache(cut, batch_first=True)
    torch.nn.functional.cross_entropy(model.classifier(output.pooler_output), labels).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("length", [1, 2])
def test_a_step_is_that_of_a_loop_over_chunks(length: int, accumulated: int, tmp_path: Path) -> None:
    options = {"per_device_train_batch_size": 4 // accumulated, "gradient_accumulation_steps": accumulated}
    model = network()
    assert model.config.pooling == "last"
    moved = step(model, tmp_path / "cut", max_grad_norm=0.0, bptt_steps=length, **options)
    whole = step(network(), tmp_path / "whole", max_grad_norm=0.0, **options)
    wanted = by_hand(network(), length)
    for name, found in wanted.items():
        torch.testing.assert_close(moved[name], found, rtol=0, atol=1e-6)
    assert max((moved[name] - whole[name]).abs().max() for name in wanted) > 1e-4
    assert all(layer.bptt_steps is None for layer in model.model.layers)


def test_a_model_without_recurrence_is_refused(tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_config(DanConfig(vocab_size=7))
    with pytest.raises(ValueError, match="`bptt_steps`=2 must be absent for a DanForSequenceClassification"):
        RecurrentTrainer(model, RecurrentTrainingArguments(str(tmp_path), bptt_steps=2), train_dataset=ROWS)


def test_a_language_model_has_windows_already(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape("`bptt_steps`=2 must be absent for a language model")):
        LanguageTrainingArguments(str(tmp_path), bptt_steps=2)


def test_a_chunk_has_at_least_one_step(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`bptt_steps`=0 must be at least 1, or absent"):
        RecurrentTrainingArguments(str(tmp_path), bptt_steps=0)
