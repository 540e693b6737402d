"""One study and several processes: some of them killed, some at work at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import optuna
import pytest

from hf_rnn.hyperparameter_search.optuna_trials import run_trials
from hf_rnn.hyperparameter_search.storage import INTERRUPTED, PROCESS, RETRY_OF, open_study, study_lock
from tests.hyperparameter_search.search_runs import prepare, search_in_a_process
from tests.tasks.small_runs import write_reviews


# Enough for a trial to be killed in.
LONG = {"num_train_epochs": 300, "eval_strategy": "no", "load_best_model_at_end": False, "pruner": "none"}
STORAGES = ("study.db", "study.log")


@pytest.fixture(scope="module")
def processes(project: Path) -> ForkServerContext:
    """Starts processes that are forked from one which has imported what they need and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take the path of imports over before it imports.
        patch.setenv("PYTHONPATH", str(project))
        context.set_forkserver_preload(["tests.hyperparameter_search.search_runs"])
        context.Process(target=len, args=("",)).start()
    return context


def read(storage: Path) -> list[optuna.trial.FrozenTrial]:
    """The trials in a storage, as far as there is one."""
    if not storage.is_file():
        return []
    try:
        kept: Any = f"sqlite:///{storage}"
        if storage.suffix == ".log":
            from optuna.storages.journal import JournalFileBackend

            kept = optuna.storages.JournalStorage(JournalFileBackend(str(storage)))
        return optuna.load_study(study_name="search", storage=kept).trials
    except (KeyError, optuna.exceptions.StorageInternalError):
        # It is being made.
        return []


def wait_for(condition: Callable[[], bool], process: Any) -> None:
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until and process.is_alive()
        time.sleep(0.02)


@pytest.mark.parametrize("name", STORAGES)
def test_a_search_that_was_killed_loses_no_trial_and_tries_the_last_again(
    name: str, tmp_path: Path, processes: ForkServerContext
) -> None:
    data, storage, output = write_reviews(tmp_path), tmp_path / name, tmp_path / "out"
    options = {**data, **LONG, "storage": str(storage), "n_trials": 2}
    # One trial is finished before, so that there is something to lose.
    first = optuna.trial.create_trial(
        params={"learning_rate": 0.01, "hidden_size": 5},
        distributions={
            "learning_rate": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True),
            "hidden_size": optuna.distributions.IntDistribution(4, 12),
        },
        value=0.5,
    )
    search, lock = prepare(output, **options), study_lock(str(storage), output)
    study, _ = open_study(str(storage), "search", "maximize", search.made_for(), lock)
    study.add_trial(first)
    process = processes.Process(target=search_in_a_process, args=(str(output), options))
    process.start()
    # It trains: it has said whose the trial is, and what its parameters are.
    wait_for(lambda: any(PROCESS in trial.user_attrs and len(trial.params) == 2 for trial in read(storage)), process)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    _, killed = read(storage)
    assert killed.state.name == "RUNNING"
    left_behind = list((output / "trials").iterdir())
    assert len(left_behind) == 1

    with pytest.MonkeyPatch.context() as patch:
        # To end sooner; the parameters and the count are what this is about.
        patch.setattr("transformers.Trainer.train", lambda *args, **kwargs: None)
        patch.setattr(
            "hf_rnn.training.trainer.RecurrentTrainer.evaluate", lambda *args, **kwargs: {"eval_accuracy": 0.6}
        )
        patch.setattr("transformers.Trainer._trial", None, raising=False)
        study = run_trials(prepare(output, **options))

    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert (study.trials[0].params, study.trials[0].value) == (first.params, 0.5)
    assert study.trials[1].user_attrs[INTERRUPTED] is True
    assert study.trials[2].params == killed.params
    assert study.trials[2].user_attrs[RETRY_OF] == 1
    assert not (output / "trials").exists()


@pytest.mark.parametrize("name", STORAGES)
def test_two_processes_share_the_trials_out(name: str, tmp_path: Path, processes: ForkServerContext) -> None:
    data = write_reviews(tmp_path)
    options = {**data, "storage": str(tmp_path / name), "n_trials": 6, "num_train_epochs": 1, "pruner": "none"}
    both = [processes.Process(target=search_in_a_process, args=(str(tmp_path / "out"), options)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(300)
    assert [process.exitcode for process in both] == [0, 0]
    trials = read(tmp_path / name)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert len({trial.params["learning_rate"] for trial in trials}) == 6
    assert {trial.user_attrs[PROCESS]["pid"] for trial in trials} == {process.pid for process in both}
