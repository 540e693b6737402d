"""The trials of a search, one after the other, by Optuna through the Trainer."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import SearchArguments
from .plan import Search
from .storage import Turns, counts, open_study, study_lock
from .trials import FAILURES


if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


__all__ = ["POLL_SECONDS", "TRIALS_FOLDER", "run_trials"]


TRIALS_FOLDER = "trials"


# How often a process with nothing left to do looks whether the others have ended.
POLL_SECONDS = 2.0


def run_trials(search: Search) -> Study:
    """Do the trials that the study lacks, together with other processes, by `Trainer.hyperparameter_search`; return
    when all have ended.
    """
    arguments = search.arguments
    location = arguments.storage_location(search.output)
    lock = study_lock(location, search.output)
    direction = search.trial(search.output).direction
    with _quiet_optuna(), _progress(search) as show:
        study, storage = open_study(location, arguments.study_name, direction, search.made_for(), lock)
        turns = Turns(study, arguments.n_trials, lock)
        while True:
            show(study)
            with turns.next() as number:
                if number is not None:
                    _run_trial(search, study, storage, turns, number)
                    continue
            if not turns.others_running():
                return study
            time.sleep(POLL_SECONDS)


def _run_trial(search: Search, study: Study, storage: Any, turns: Turns, number: int) -> None:
    with _trial_folder(search.output) as folder:
        trial = search.trial(folder, turns.begin)
        try:
            trial.trainer().hyperparameter_search(
                # The trainer sets the arguments itself, see `search_trials`.
                hp_space=lambda _: {},
                compute_objective=trial.objective,
                n_trials=1,
                direction=trial.direction,
                backend="optuna",
                storage=storage,
                study_name=study.study_name,
                load_if_exists=True,
                sampler=_sampler(search.arguments, number),
                pruner=_pruner(search.arguments),
                catch=FAILURES,
                gc_after_trial=True,
            )
        except ValueError:
            # transformers asks for the best trial, and there may be none yet.
            if trial.failure is None:
                raise


@contextlib.contextmanager
def _trial_folder(output: Path) -> Iterator[Path]:
    """A folder of this process, gone afterwards; those that killed processes left behind are removed as well."""
    import psutil

    parent = output / TRIALS_FOLDER
    prefix = f"{socket.gethostname()}-"
    for folder in parent.glob(f"{prefix}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(prefix))):
            shutil.rmtree(folder, ignore_errors=True)
    folder = parent / f"{prefix}{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            # Unless another process has one there.
            parent.rmdir()


def _sampler(arguments: SearchArguments, number: int) -> BaseSampler:
    """The sampler of the study's trial `number`.

    Each trial has one of its own, seeded by its number: a search that is resumed goes on as it would have, and of two
    processes neither repeats what the other draws.
    """
    from optuna import samplers

    seed = arguments.search_seed * 1_000_003 + number
    if arguments.sampler == "gp":
        return samplers.GPSampler(seed=seed, n_startup_trials=arguments.startup_trials)
    if arguments.sampler == "tpe":
        return samplers.TPESampler(seed=seed, n_startup_trials=arguments.startup_trials)
    return samplers.RandomSampler(seed=seed)


def _pruner(arguments: SearchArguments) -> BasePruner:
    from optuna import pruners

    if arguments.pruner == "none":
        return pruners.NopPruner()
    return pruners.MedianPruner(n_startup_trials=arguments.n_unpruned_trials)


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence what Optuna says of every trial: the progress bar and our own warnings say it."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextlib.contextmanager
def _progress(search: Search) -> Iterator[Callable[[Study], None]]:
    from tqdm.auto import tqdm

    with tqdm(total=search.arguments.n_trials, desc="trials", disable=search.training.disable_tqdm) as bar:

        def show(study: Study) -> None:
            trials = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
            bar.n = sum(trial.state.is_finished() for trial in trials)
            if any(trial.state.name == "COMPLETE" for trial in trials):
                bar.set_postfix(best=f"{study.best_value:.4f}", trial=study.best_trial.number)
            bar.refresh()

        yield show
