"""Gradient accumulation is the large batch, for every head: held to one forward over the whole batch in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    set_seed,
)

from hf_rnn.data.batches.streams import window_bounds
from hf_rnn.losses.objective import LOSSES
from hf_rnn.training.arguments import RecurrentTrainingArguments
from hf_rnn.training.siamese_trainer import SiameseTrainer
from hf_rnn.training.trainer import RecurrentTrainer
from tests.training.accumulation_cases import CASES, EXCEPTED, Case, Row
from tests.training.test_language_model_trainer import (
    PLAIN_DESCENT,
    RATE,
    descend_through_windows,
    language_model,
    streams,
    text,
    weights,
)
from tests.training.test_language_model_trainer import trainer as stream_trainer


MICRO_BATCH, ACCUMULATED, EPOCHS = 2, 4, 2


def arguments(folder: Path, **values: Any) -> RecurrentTrainingArguments:
    """Make the arguments of `PLAIN_DESCENT` with accumulated steps, unless `values` say otherwise."""
    defaults = {
        **PLAIN_DESCENT,
        "per_device_train_batch_size": MICRO_BATCH,
        "gradient_accumulation_steps": ACCUMULATED,
        "num_train_epochs": EPOCHS,
    }
    return RecurrentTrainingArguments(str(folder), **{**defaults, **values})


def descend(model: nn.Module, loss: torch.Tensor) -> None:
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= RATE * parameter.grad


class Recorded:
    """A collator that remembers the rows in the order in which it is given them."""

    def __init__(self, collator: Callable[..., Any]) -> None:
        self.collator = collator
        self.seen: list[Row] = []

    def __call__(self, rows: Sequence[Row]) -> Any:
        self.seen.extend(rows)
        return self.collator(rows)

    def steps(self, of_epoch: int) -> list[list[Row]]:
        """The rows of each step of the optimizer; the last of an epoch may have fewer."""
        size = MICRO_BATCH * ACCUMULATED
        epochs = [self.seen[start : start + of_epoch] for start in range(0, len(self.seen), of_epoch)]
        return [epoch[start : start + size] for epoch in epochs for start in range(0, len(epoch), size)]


def difference(case: Case, folder: Path) -> tuple[float, float]:
    """How far accumulation ends from the large batches, in the largest weight, and how far these came."""
    set_seed(1)
    accumulated = case.model().double()
    large = copy.deepcopy(accumulated).train()
    began = weights(large)
    run = case.trainer(
        model=accumulated,
        args=arguments(folder, **(case.arguments or {})),
        train_dataset=list(case.rows),
        data_collator=(collator := Recorded(case.collator)),
        **(case.options or {}),
    )
    run.train()
    steps = collator.steps(len(case.rows))
    assert len(collator.seen) == EPOCHS * len(case.rows) and run.state.global_step == len(steps)
    for rows in steps:
        descend(large, case.loss(large, case.collator(rows)))
    return float((weights(large) - weights(accumulated)).abs().max()), float((weights(large) - began).abs().max())


@pytest.mark.reliability(
    section="Accumulation",
    fault="A step of micro-batches with unequal numbers of rows, labels and tokens, the last of them missing",
    mutation="the loss of stock models and siamese networks as a plain mean of micro-batches; "
    "distillation by the teacher's items of one micro-batch",
)
@pytest.mark.parametrize("name", CASES)
def test_accumulation_is_the_large_batch(name: str, tmp_path: Path, outcome: Any) -> None:
    apart, moved = difference(CASES[name], tmp_path)
    assert moved > 1e-3
    assert apart < CASES[name].within
    outcome(f"{name}: weights {apart:.0e} from the large batch's")


@pytest.mark.reliability(
    section="Accumulation",
    fault="Losses and norms that depend on which rows share a micro-batch: excepted, and seen to differ",
    mutation="a network without the norm of its batch",
)
@pytest.mark.parametrize("name", EXCEPTED)
def test_what_depends_on_the_batch_is_another_under_accumulation(name: str, tmp_path: Path, outcome: Any) -> None:
    apart, _ = difference(EXCEPTED[name], tmp_path)
    assert apart > 1e-6
    outcome(f"{name}: weights {apart:.0e} from the large batch's")


@pytest.mark.reliability(
    section="Accumulation",
    fault="Averaged weights of accumulated steps",
    mutation="the average taken after each micro-batch (`on_substep_end`)",
)
def test_the_average_is_over_steps_not_micro_batches(tmp_path: Path, outcome: Any) -> None:
    case, decay = CASES["classes"], 0.4
    set_seed(1)
    accumulated = case.model().double()
    large = copy.deepcopy(accumulated).train()
    average = weights(large)
    run = RecurrentTrainer(
        model=accumulated,
        args=arguments(tmp_path, weight_average_decay=decay, max_steps=3, num_train_epochs=1),
        train_dataset=list(case.rows),
        data_collator=(collator := Recorded(case.collator)),
    )
    run.train()
    for step, rows in enumerate(collator.steps(len(case.rows))[:3], start=1):
        descend(large, case.loss(large, case.collator(rows)))
        early = min(decay, (1 + step) / (10 + step))
        average = early * average + (1 - early) * weights(large)
    apart = float((weights(accumulated) - average).abs().max())
    assert float((weights(large) - average).abs().max()) > 1e-3
    assert apart < 1e-8
    outcome(f"weights {apart:.0e} from the average by hand")


@pytest.mark.reliability(
    section="Accumulation",
    fault="A text read in streams: each micro-batch has streams of its own, and windows of random lengths",
    mutation="one carried state for all micro-batches; every window weighed alike",
)
def test_streams_of_micro_batches_are_the_streams_of_one_batch(tmp_path: Path, outcome: Any) -> None:
    ids = text(161)
    accumulated = language_model().double()
    large = copy.deepcopy(accumulated)
    values = {"block_size": 7, "random_windows": True, "per_device_train_batch_size": 2}
    stream_trainer(accumulated, tmp_path, ids, gradient_accumulation_steps=3, data_seed=5, **values).train()
    read = streams(ids, 6)
    drawn = torch.Generator().manual_seed(5)
    read.arrange(5)
    descend_through_windows(large, read, window_bounds(read.num_steps, 7, drawn))
    apart = float((weights(large) - weights(accumulated)).abs().max())
    assert apart < 1e-8
    outcome(f"weights {apart:.0e} from those of a plain loop over all streams")


def test_every_loss_by_name_is_tried() -> None:
    tried, excepted = ({name for case in cases.values() for name in _losses(case)} for cases in (CASES, EXCEPTED))
    assert tried | excepted == set(LOSSES)
    in_batch = {name for name, loss in LOSSES.items() if loss.takes in ("duplicates", "groups")}
    assert excepted == in_batch | {"cosent"} and not tried & excepted


def _losses(case: Case) -> list[str]:
    return list((case.options or {})["loss"].losses) if case.trainer is SiameseTrainer else []
