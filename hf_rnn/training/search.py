"""A hyper-parameter search from argument dataclasses to the best model; its command line is in `hub`."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import require_extra
from ..models.configuration_siamese import SiameseConfig
from .arguments import ModelArguments, RecurrentTrainingArguments, ReportArguments
from .describe import non_default_arguments
from .run import TrainingTask
from .search_arguments import SearchArguments
from .search_report import write_report
from .search_retraining import SearchedRecipe, compare_configurations, retrain
from .search_spaces import SearchSpace, default_space
from .search_storage import REASON, Turns, counts, open_study, study_lock
from .search_trials import FAILURES, Trial, trial_arguments
from .tasks import TASKS


if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

logger = logging.getLogger(__name__)

TRIALS_FOLDER = "trials"
# How often a process with nothing left to do looks whether the others have ended.
POLL_SECONDS = 2.0
# What may differ between the machines that share a study.
_OF_A_MACHINE = frozenset(
    ("torch_threads", "use_cpu", "dataloader_num_workers", "dataloader_pin_memory", "fp16", "bf16")
)


class SearchError(RuntimeError):
    """A search that cannot be made, or has found nothing; the message says why."""


@dataclass(frozen=True)
class Search:
    """
    What is searched, made ready.

    Attributes:
        arguments: How.
        groups: The argument dataclasses of the task, in the order of its script.
        task: What is trained.
        space: What may be chosen.
    """

    arguments: SearchArguments
    groups: tuple[Any, ...]
    task: TrainingTask
    space: SearchSpace

    @property
    def training(self) -> RecurrentTrainingArguments:
        return next(group for group in self.groups if isinstance(group, RecurrentTrainingArguments))

    @property
    def model(self) -> ModelArguments:
        return next(group for group in self.groups if isinstance(group, ModelArguments))

    @property
    def output(self) -> Path:
        return Path(self.training.output_dir or ".")

    def trial(self, folder: Path, begin: Callable[[Any], None] = lambda trial: None) -> Trial:
        """A trial that is yet to be asked for."""
        arguments = trial_arguments(self.task, self.training, folder)
        return Trial(self.task, self.space, arguments, self.model.overrides(), begin)

    def made_for(self) -> dict[str, Any]:
        """What all trials of the study have in common."""
        groups = [group for group in self.groups if not isinstance(group, ReportArguments)]
        searched = self.space.to_json()
        shared = non_default_arguments(*groups)
        trial = self.trial(self.output)
        return {
            "task": self.arguments.task,
            "objective": {"metric": trial.metric.removeprefix("eval_"), "direction": trial.direction},
            "space": searched,
            "data": dict(self.task.rows),
            "arguments": {key: shared[key] for key in shared if key not in _OF_A_MACHINE | searched.keys()},
        }


def prepare_search(arguments: SearchArguments, groups: Sequence[Any]) -> Search:
    """
    Read the data, and check everything that can be checked before a trial.

    Raises:
        MissingExtraError: the extra `search` is not installed.
        SearchError: Ray Tune is asked for and missing, or there is nothing to measure trials by.
        ValueError: for arguments, data or a search space that do not fit together; the message names them.
    """
    require_extra("search", "A search")
    if arguments.backend == "ray" and find_spec("ray") is None:
        raise SearchError("`backend`='ray' needs Ray Tune: pip install \"ray[tune]\"")
    if arguments.task is None:
        raise ValueError(f"`task` is missing; it must be one of {', '.join(TASKS)}.")
    training = next(group for group in groups if isinstance(group, RecurrentTrainingArguments))
    if training.world_size > 1:
        raise SearchError(
            f"A trial is trained by one process, and this is one of {training.world_size}. Start the script once for "
            "each instead; they share the study."
        )
    training.do_train = True
    runnable = TASKS[arguments.task]
    space = None if arguments.search_space is None else SearchSpace.read(arguments.search_space)
    task = runnable.prepare(*(group for group in groups if not isinstance(group, ReportArguments)))
    if task.validation is None:
        raise SearchError(
            "There is no validation split to compare trials on: give `validation_file`, `validation_split_percentage` "
            "or `validation_split_size`."
        )
    model = next(group for group in groups if isinstance(group, ModelArguments))
    config: Any = task.model.config
    config = config.encoder if isinstance(config, SiameseConfig) else config
    if space is None:
        pretrained = model.model_name_or_path is not None
        space = default_space(arguments.task, str(config.model_type), pretrained=pretrained)
    space.check(training, config, model.overrides())
    return Search(arguments, tuple(groups), task, space)


def run_search(search: Search) -> dict[str, Any] | None:
    """
    Do the trials that are left, train the best again, compare it where that was asked for, and write the report.

    Returns:
        The document in `search.json`; None where another process writes it.

    Raises:
        SearchError: all trials failed.
        StudyError: the study cannot be used.
    """
    from .run_lock import FolderInUseError, run_lock

    started = time.perf_counter()
    if search.arguments.backend == "ray":
        from .search_ray import run_with_ray

        study = run_with_ray(search)
    else:
        study = run_trials(search)
    completed = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if not completed:
        reasons = {trial.user_attrs.get(REASON, trial.state.name) for trial in study.get_trials(deepcopy=False)}
        raise SearchError(f"No trial was completed. {' '.join(sorted(map(str, reasons)))}")
    try:
        with run_lock(search.output):
            recipe = SearchedRecipe.of(
                search.arguments.task or "", search.groups, search.space, study.best_trial.params
            )
            results = retrain(recipe, search.output, predict=search.arguments.compare_seeds == 0)
            comparison = None
            if search.arguments.compare_seeds:
                metric = search.trial(search.output).metric.removeprefix("eval_")
                comparison = compare_configurations(recipe, search.output, search.arguments.compare_seeds, metric)
            minutes = (time.perf_counter() - started) / 60
            return write_report(search, study, results, comparison, minutes)
    except FolderInUseError:
        return None


def run_trials(search: Search) -> Study:
    """
    Do the trials that the study lacks, together with other processes, by `Trainer.hyperparameter_search`; return when
    all have ended.
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
    """
    The sampler of the study's trial `number`.

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
    """Without what Optuna says of every trial: the progress bar and our own warnings say it."""
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


__all__ = ["Search", "SearchError", "prepare_search", "run_search", "run_trials"]
