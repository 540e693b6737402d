"""The place where a study is kept, and the processes that are at work on it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import optuna
import pytest

from hf_rnn.hyperparameter_search.storage import (
    INTERRUPTED,
    PROCESS,
    SEEN,
    STALE_SECONDS,
    StudyError,
    Turns,
    is_alive,
    open_study,
    study_lock,
    this_process,
)


def opened(location: str, folder: Path, **made_for: Any) -> optuna.Study:
    return open_study(location, "search", "maximize", made_for, study_lock(location, folder))[0]


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_a_study_remembers_what_it_was_made_for(name: str, tmp_path: Path) -> None:
    location = str(tmp_path / name)
    study = opened(location, tmp_path, task="a", space={"dropout": {"low": 0.1}})
    study.add_trial(optuna.trial.create_trial(value=1.0))
    assert len(opened(location, tmp_path, task="a", space={"dropout": {"low": 0.1}}).trials) == 1
    with pytest.raises(StudyError, match=r"`space.dropout.low` is 0.1 there and 0.2 here"):
        opened(location, tmp_path, task="a", space={"dropout": {"low": 0.2}})
    with pytest.raises(StudyError, match="`task` is 'a' there and 'absent' here"):
        opened(location, tmp_path, space={"dropout": {"low": 0.1}})


def test_a_study_of_another_program_is_refused(tmp_path: Path) -> None:
    location = str(tmp_path / "study.db")
    study = optuna.create_study(storage=f"sqlite:///{location}", study_name="search", direction="maximize")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(StudyError, match="was not made by this search"):
        opened(location, tmp_path, task="a")


@pytest.mark.parametrize("existing", [False, True])
def test_a_storage_that_is_read_only_is_named_before_any_trial(existing: bool, tmp_path: Path) -> None:
    if existing:
        opened(str(tmp_path / "study.db"), tmp_path, task="a")
    location = f"sqlite:///file:{tmp_path}/study.db?mode=ro&uri=true"
    with pytest.raises(StudyError, match=r"`storage`='sqlite:///file:.*' cannot be read and written"):
        opened(location, tmp_path, task="a")


@pytest.mark.parametrize("location", ["/proc/study.log", "/proc/study.db", "nosuch://host/study"])
def test_a_storage_that_cannot_be_made_is_named(location: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"`storage`='{location}' cannot be read and written"):
        opened(location, tmp_path, task="a")


@pytest.mark.parametrize(
    ("process", "seen", "alive"),
    [
        ({}, 0, True),
        ({"started": 12.0}, 0, False),
        ({"pid": 2**22 - 1}, 0, False),
        ({"host": "elsewhere", "pid": 2**22 - 1}, 0, True),
        ({"host": "elsewhere"}, STALE_SECONDS + 1, False),
    ],
)
def test_who_is_alive(process: dict[str, Any], seen: float, alive: bool) -> None:
    assert this_process()["pid"] == os.getpid() and this_process()["host"] == socket.gethostname()
    attributes = {PROCESS: {**this_process(), **process}, SEEN: time.time() - seen}
    trial = optuna.trial.create_trial(value=1.0, user_attrs=attributes)
    assert is_alive(trial) is alive


def test_a_turn_is_there_as_long_as_trials_are_left(tmp_path: Path) -> None:
    study, lock = optuna.create_study(), study_lock(str(tmp_path / "study.db"), tmp_path)
    turns = Turns(study, 2, lock)
    for number in range(2):
        with turns.next() as found:
            assert found == number and lock.is_locked
            trial = study.ask()
            turns.begin(trial)
            assert not lock.is_locked
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    with turns.next() as found:
        assert found is None
    # One that was cut short is done again.
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, user_attrs={INTERRUPTED: True}))
    with Turns(study, 3, lock).next() as found:
        assert found == 3
