"""A hyper-parameter search by Ray Tune, on the machines of a Ray cluster, with the same arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import SearchArguments
from .spaces import Dimension, SearchSpace
from .storage import REASON


if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

    from .plan import Search
    from .trials import Trial


__all__ = ["ray_space", "run_with_ray"]


# The Trainer reports this figure of a trial to Ray Tune.
OBJECTIVE = "objective"
RAY_FOLDER = "ray"


def run_with_ray(search: Search) -> Study:
    """All trials, by Ray Tune through `Trainer.hyperparameter_search`.

    Ray keeps the state of the search itself, in `output_dir`/ray; `storage` is of no use to it.

    Returns:
        The trials as an Optuna study in memory, for the report.

    Raises:
        ValueError: `storage` was given.
    """
    if search.arguments.storage is not None:
        raise ValueError(
            f"`storage`={search.arguments.storage!r} is for `backend` optuna; Ray Tune keeps its own in `output_dir`."
        )
    # Paths of data and vectors are relative to where the search was started.
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    folder = search.output.resolve() / RAY_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    trial = search.trial(folder / "trials")
    best = trial.trainer().hyperparameter_search(
        hp_space=lambda _: ray_space(search.space),
        compute_objective=trial.objective,
        n_trials=search.arguments.n_trials,
        direction=trial.direction,
        backend="ray",
        storage_path=str(folder),
        name=search.arguments.study_name,
        raise_on_failed_trial=False,
        **_algorithms(search.arguments, trial),
    )
    return _as_study(best.run_summary.trials, search.space, trial.direction)  # type: ignore[union-attr]


def ray_space(space: SearchSpace) -> dict[str, Any]:
    """The same ranges as Ray Tune states them."""
    return {dimension.name: _domain(dimension) for dimension in space.dimensions}


def _domain(dimension: Dimension) -> Any:
    from ray import tune

    if dimension.choices:
        return tune.choice(list(dimension.choices))
    low, high = dimension.ends()
    if dimension.whole:
        # Ray leaves the upper end out, except where there is a step.
        if dimension.step:
            return tune.qrandint(low, high, int(dimension.step))
        return tune.lograndint(low, high + 1) if dimension.log else tune.randint(low, high + 1)
    if dimension.step:
        return tune.quniform(low, high, dimension.step)
    return tune.loguniform(low, high) if dimension.log else tune.uniform(low, high)


def _algorithms(arguments: SearchArguments, trial: Trial) -> dict[str, Any]:
    """The sampler and the pruner, as Ray Tune has them."""
    from optuna import samplers
    from ray.tune.schedulers import MedianStoppingRule
    from ray.tune.search.basic_variant import BasicVariantGenerator
    from ray.tune.search.optuna import OptunaSearch

    goal = {"metric": OBJECTIVE, "mode": trial.direction[:3]}
    found: dict[str, Any] = {"search_alg": BasicVariantGenerator(random_state=arguments.search_seed)}
    if arguments.sampler != "random":
        kind = samplers.GPSampler if arguments.sampler == "gp" else samplers.TPESampler
        sampler = kind(seed=arguments.search_seed, n_startup_trials=arguments.startup_trials)
        found = {"search_alg": OptunaSearch(sampler=sampler, **goal)}
    if arguments.pruner == "median":
        found["scheduler"] = MedianStoppingRule(
            time_attr="training_iteration", grace_period=1, min_samples_required=arguments.n_unpruned_trials, **goal
        )
    return found


def _as_study(trials: list[Any], space: SearchSpace, direction: Any) -> Study:
    import optuna
    from optuna.trial import TrialState

    study = optuna.create_study(direction=direction)
    distributions = {dimension.name: _distribution(dimension) for dimension in space.dimensions}
    for trial in trials:
        parameters = {name: trial.config[name] for name in distributions}
        value = (trial.last_result or {}).get(OBJECTIVE)
        completed = trial.status == "TERMINATED" and value is not None
        reason = {} if completed else {REASON: _reason(trial)}
        study.add_trial(
            optuna.create_trial(
                state=TrialState.COMPLETE if completed else TrialState.FAIL,
                value=value if completed else None,
                params=parameters,
                distributions=distributions,
                user_attrs=reason,
            )
        )
    return study


def _reason(trial: Any) -> str:
    """The last line of the error that Ray has kept of a trial."""
    path = getattr(trial, "error_file", None)
    lines = Path(path).read_text(encoding="utf-8").strip().splitlines() if path and Path(path).is_file() else []
    return lines[-1] if lines else str(trial.status)


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna import distributions

    if dimension.choices:
        return distributions.CategoricalDistribution(dimension.choices)
    low, high = dimension.ends()
    if dimension.whole:
        return distributions.IntDistribution(low, high, log=dimension.log, step=int(dimension.step or 1))
    return distributions.FloatDistribution(low, high, log=dimension.log, step=dimension.step)
