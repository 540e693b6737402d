"""Arguments of a hyper-parameter search, beside those of the training that it repeats."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..runs.kinds import KINDS


__all__ = ["BACKENDS", "PRUNERS", "SAMPLERS", "SEARCHED_TASKS", "SearchArguments"]


# The names, and the other names, of the tasks that have a search space.
SEARCHED_TASKS = tuple(
    name for kind in KINDS.values() if kind.search_space is not None for name in (kind.name, *kind.aliases)
)
SAMPLERS = ("gp", "tpe", "random")
PRUNERS = ("median", "none")
BACKENDS = ("optuna", "ray")


@dataclass
class SearchArguments:
    """The search: its space, its trials, and the place where the study is kept."""

    task: str | None = field(
        default=None,
        metadata={
            "help": f"Task of the models, which decides the flags: {', '.join(SEARCHED_TASKS)}. Default: the "
            "first word, or that of the recipe."
        },
    )
    search_space: str | None = field(
        default=None,
        metadata={
            "help": "Parameters to search and their ranges (see docs/search.md): a JSON file, or the JSON "
            "itself. Default: a space that suits the task and the family."
        },
    )
    n_trials: int = field(
        default=20,
        metadata={"help": "Number of trials of the study, those of all processes and of earlier calls included."},
    )
    n_random_trials: int | None = field(
        default=None,
        metadata={
            "help": "Number of trials that are drawn at random first. Default: a quarter of `n_trials`, at least 2."
        },
    )
    sampler: str = field(
        default="gp",
        metadata={
            "help": "Way to choose the next trial: gp (Bayesian, by a Gaussian process), tpe (Bayesian, by "
            "densities) or random."
        },
    )
    pruner: str = field(
        default="median",
        metadata={
            "help": "Way to end trials early: median (those that are worse at an evaluation than half of the "
            "trials before) or none."
        },
    )
    n_unpruned_trials: int = field(
        default=4, metadata={"help": "Number of trials that have to end before one is ended early."}
    )
    storage: str | None = field(
        default=None,
        metadata={
            "help": "Place of the study: a .db file (SQLite), a .log file (a journal, which several machines "
            "may share over a network file system) or a database's URL. Default: study.db in "
            "`output_dir`."
        },
    )
    study_name: str = field(default="search", metadata={"help": "Name of the study in `storage`."})
    search_seed: int = field(default=0, metadata={"help": "Seed of the sampler; that of training is `seed`."})
    compare_seeds: int = field(
        default=0,
        metadata={
            "help": "Train the best and the default configuration afterwards on this many fresh seeds each, "
            "and compare them on validation (and on test, with `do_predict`); 0 leaves it out."
        },
    )
    backend: str = field(
        default="optuna", metadata={"help": "Library that runs the trials: optuna, or ray for Ray Tune on a cluster."}
    )

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in SEARCHED_TASKS:
            raise ValueError(f"`task`={self.task!r} must be one of {', '.join(SEARCHED_TASKS)}.")
        for name, allowed in (("sampler", SAMPLERS), ("pruner", PRUNERS), ("backend", BACKENDS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}`={getattr(self, name)!r} must be one of {', '.join(allowed)}.")
        for name, least in (("n_trials", 1), ("n_random_trials", 1), ("n_unpruned_trials", 1), ("compare_seeds", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"`{name}`={value} must be at least {least}.")
        if self.compare_seeds == 1:
            raise ValueError("`compare_seeds`=1 compares nothing; it must be 0 or at least 2.")

    @property
    def startup_trials(self) -> int:
        """Trials that are drawn at random before the sampler has enough to go by."""
        return max(2, self.n_trials // 4) if self.n_random_trials is None else self.n_random_trials

    def storage_location(self, output: str | Path) -> str:
        """The file or the URL that holds the study."""
        return self.storage or str(Path(output) / "study.db")
