"""Minutes of training, kept through interruptions."""

from __future__ import annotations

import json

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from hf_rnn.training import clock
from hf_rnn.training.clock import TrainingClock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds, that a test sets."""
    time = [1000.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: time[0])
    return time


@pytest.fixture
def event() -> tuple[TrainingArguments, TrainerState, TrainerControl]:
    return TrainingArguments(output_dir="unused", use_cpu=True), TrainerState(), TrainerControl()


def test_counts_from_the_beginning_to_the_end_of_training(now: list[float], event: tuple) -> None:
    measured = TrainingClock()
    assert measured.minutes == 0
    now[0] += 100
    measured.on_train_begin(*event)
    now[0] += 30
    assert measured.total() == 30
    now[0] += 60
    measured.on_train_end(*event)
    now[0] += 500
    assert measured.total() == 90
    assert measured.minutes == 1.5


def test_training_again_adds(now: list[float], event: tuple) -> None:
    measured = TrainingClock()
    for _ in range(2):
        measured.on_train_begin(*event)
        now[0] += 60
        measured.on_train_end(*event)
        now[0] += 7
    assert measured.minutes == 2


def test_state_holds_what_is_spent_and_begins_a_new_clock(now: list[float], event: tuple) -> None:
    measured = TrainingClock()
    measured.on_train_begin(*event)
    now[0] += 45
    state = json.loads(json.dumps(measured.state()))
    now[0] += 1000  # lost by the interruption
    resumed = TrainingClock.from_state(state)
    assert resumed.total() == 45
    resumed.on_train_begin(*event)
    now[0] += 15
    assert resumed.minutes == 1
