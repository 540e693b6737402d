"""A hyper-parameter search from argument dataclasses to the best model; its command line is in `hub`."""

from __future__ import annotations

import logging
import time
from typing import Any

from .optuna_trials import run_trials
from .plan import Search, SearchError
from .report import write_report
from .retraining import SearchedRecipe, compare_configurations, retrain
from .storage import REASON


__all__ = [
    "run_search",
]


logger = logging.getLogger(__name__)


def run_search(search: Search) -> dict[str, Any] | None:
    """Do the trials that are left, train the best again, compare it where that was asked for, and write the report.

    Returns:
        The document in `search.json`; None where another process writes it.

    Raises:
        SearchError: all trials failed.
        StudyError: the study cannot be used.
    """
    from ..runs.lock import FolderInUseError, run_lock

    started = time.perf_counter()
    if search.arguments.backend == "ray":
        from .on_ray import run_with_ray

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
