"""Trainer of time series: the loss of a step is the mean over all targets of its accumulated batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import default_data_collator

from hf_rnn.data.batches.series import SeriesWindows
from hf_rnn.data.readers.series.reader import Series
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.series_trainer import SeriesTrainer
from tests.models.test_series import build
from tests.training.test_language_model_trainer import PLAIN_DESCENT, RATE


CONTEXT, AHEAD = 5, 3


def windows() -> SeriesWindows:
    """Four windows, the last two of which lack most of their targets."""
    values = np.random.default_rng(0).normal(size=(11, 2))
    values[8:10, 0] = np.nan
    values[10] = np.nan
    series = Series("", values, np.empty((11, 0)), None, None)
    return SeriesWindows([series], [(0, 11)], CONTEXT, AHEAD)


def model(quantiles: list[float] | None) -> Any:
    options = {"num_channels": 2, "channel_means": None, "channel_scales": None, "prediction_length": AHEAD}
    return build(quantiles=quantiles, dropout=0.0, **options)


def by_hand(network: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights after one step of plain descent on all rows at once."""
    network.train()
    network(**batch).loss.backward()
    return {
        name: (weight - RATE * weight.grad if weight.grad is not None else weight).detach()
        for name, weight in network.named_parameters()
    }


@pytest.mark.parametrize("quantiles", [None, [0.1, 0.9]])
@pytest.mark.parametrize(("size", "accumulated"), [(4, 1), (2, 2), (1, 4)])
def test_accumulated_batches_are_one(
    tmp_path: Path, quantiles: list[float] | None, size: int, accumulated: int
) -> None:
    rows = windows()
    assert len(rows) == 4
    wanted = by_hand(model(quantiles), default_data_collator([rows[index] for index in range(4)]))
    trained = model(quantiles)
    arguments = RecurrentTrainingArguments(
        str(tmp_path),
        **PLAIN_DESCENT,
        max_steps=1,
        per_device_train_batch_size=size,
        gradient_accumulation_steps=accumulated,
    )
    SeriesTrainer(trained, arguments, train_dataset=rows, data_collator=default_data_collator).train()
    for name, weight in trained.named_parameters():
        torch.testing.assert_close(weight.detach(), wanted[name], rtol=1e-4, atol=1e-6, msg=name)


def test_a_number_of_targets_may_be_given() -> None:
    network, batch = model([0.5]).eval(), default_data_collator([windows()[3]])
    counted = int(batch["future_values"].isfinite().sum())
    alone, halved = network(**batch).loss, network(**batch, num_items_in_batch=2 * counted).loss
    assert halved.item() == pytest.approx(alone.item() / 2)


def test_a_step_without_targets_costs_nothing(tmp_path: Path) -> None:
    rows = windows()
    rows.series[0].values[CONTEXT:] = np.nan
    trained = model(None)
    before = {name: weight.clone() for name, weight in trained.named_parameters()}
    arguments = RecurrentTrainingArguments(str(tmp_path), **PLAIN_DESCENT, max_steps=1, per_device_train_batch_size=2)
    SeriesTrainer(trained, arguments, train_dataset=rows, data_collator=default_data_collator).train()
    for name, weight in trained.named_parameters():
        torch.testing.assert_close(weight, before[name], msg=name)
