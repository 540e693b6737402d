"""One trial of a hyper-parameter search: a model with the trial's parameters, trained and evaluated by the Trainer."""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from ..tasks.run import TrainingTask
from ..training.arguments import RecurrentTrainingArguments
from ..training.trainer import RecurrentTrainer
from .spaces import SearchSpace, split_parameters
from .storage import REASON, SEEN, SEEN_SECONDS, Direction


__all__ = ["FAILURES", "SeenCallback", "Trial", "trial_arguments", "trial_trainer_class"]


logger = logging.getLogger(__name__)

# These errors end a trial and not the search.
FAILURES = (FloatingPointError, torch.OutOfMemoryError, MemoryError)
# torch has no class for a CPU's memory that is at its end.
_OUT_OF_MEMORY = ("DefaultCPUAllocator", "out of memory")


def trial_arguments(task: TrainingTask, arguments: RecurrentTrainingArguments, folder: Path) -> Any:
    """`arguments` as all trials have them, their own parameters aside.

    No checkpoint is written: a trial is worth what its best evaluation says, and its weights are not asked for again,
    because the best trial is repeated exactly. Nothing is reported or pushed.
    """
    arguments = copy.copy(arguments)
    arguments.output_dir = str(folder)
    arguments.select_by(task.metric)
    arguments.save_strategy = SaveStrategy.NO
    arguments.logging_strategy = IntervalStrategy.NO
    arguments.report_to = []
    arguments.push_to_hub = False
    arguments.disable_tqdm = True
    return arguments


@dataclass
class Trial:
    """The facts that a trial's trainer has to know, and whether it failed.

    Attributes:
        task: What is trained.
        space: What its parameters are of.
        arguments: As [`trial_arguments`] makes them; the parameters are set in them.
        given: `config_overrides` of the recipe.
        begin: Told of the trial as soon as there is one.
        failure: What ended it, if something did.
    """

    task: TrainingTask
    space: SearchSpace
    arguments: RecurrentTrainingArguments
    given: Mapping[str, Any]
    begin: Callable[[Any], None] = lambda trial: None
    failure: str | None = None
    best: float | None = field(default=None, init=False)

    @property
    def metric(self) -> str:
        """The key of the objective in what an evaluation says."""
        return f"eval_{str(self.arguments.metric_for_best_model).removeprefix('eval_')}"

    @property
    def direction(self) -> Direction:
        return "maximize" if self.arguments.greater_is_better else "minimize"

    def parameters(self, trial: Any) -> dict[str, Any]:
        """Read the parameters of an Optuna trial, or of Ray Tune's, which is a dictionary of them."""
        return dict(trial) if isinstance(trial, Mapping) else self.space.suggest(trial)

    def split(self, trial: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The training arguments and the values of the configuration that are the trial's own."""
        return split_parameters(self.parameters(trial), self.arguments, self.given)

    def model_init(self, trial: Any) -> PreTrainedModel:
        """The trial's model; without a trial the recipe's, by which a trainer finds its defaults."""
        if trial is None or self.task.model_init is None:
            return self.task.model
        model = self.task.model_init(self.split(trial)[1])
        # The seed is set as at the beginning of a run, which makes its model before its trainer: the best trial can be
        # repeated.
        set_seed(self.arguments.seed)
        return model

    def objective(self, metrics: Mapping[str, float]) -> float:
        """The best evaluation so far, or the last one, as `load_best_model_at_end` says."""
        value = float(metrics[self.metric])
        if self.best is None or not self.arguments.load_best_model_at_end:
            self.best = value
        else:
            self.best = max(self.best, value) if self.arguments.greater_is_better else min(self.best, value)
        return self.best

    def trainer(self) -> RecurrentTrainer:
        """Make the trainer of the trial, for its `hyperparameter_search`."""
        trainer = self.task.trainer(
            self.arguments,
            kind=trial_trainer_class(self.task.trainer_class or RecurrentTrainer),
            model_init=self.model_init,
        )
        trainer.trial = self  # type: ignore[attr-defined]
        trainer.remove_callback(PrinterCallback)
        return trainer

    @contextlib.contextmanager
    def failing(self, trial: Any) -> Iterator[None]:
        """Have the trial say what it failed of, if that is one of `FAILURES`."""
        try:
            yield
        except (RuntimeError, *FAILURES) as error:
            short_of_memory = any(words in str(error) for words in _OUT_OF_MEMORY)
            if not isinstance(error, FAILURES) and not short_of_memory:
                raise
            self.failure = f"{type(error).__name__}: {error}"
            if hasattr(trial, "set_user_attr"):
                trial.set_user_attr(REASON, self.failure)
            logger.warning("The trial failed. %s", self.failure)
            raise error if isinstance(error, FAILURES) else MemoryError(str(error)) from error


def trial_trainer_class(base: type[RecurrentTrainer]) -> type[RecurrentTrainer]:
    """`base`, for a trial of a search."""

    class TrialTrainer(base):  # type: ignore[misc,valid-type]
        trial: Trial
        model: Any

        def train(self, *args: Any, trial: Any = None, **kwargs: Any) -> Any:
            """See `transformers.Trainer.train`; the trial's arguments are set before anything reads them."""
            self.trial.begin(trial)
            self._evaluations = 0
            if self.model is None:
                # transformers does not send it to the workers of Ray.
                self.model = self.model_wrapped = self.trial.task.model
            values, _ = self.trial.split(trial)
            for name, value in values.items():
                setattr(self.args, name, value)
            if self.trial.task.train_for is not None:
                self.train_dataset = self.trial.task.train_for(self.args)
            if hasattr(trial, "set_user_attr"):
                self.add_callback(SeenCallback(trial))
            with self.trial.failing(trial):
                return super().train(*args, trial=trial, **kwargs)

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            """See `transformers.Trainer.evaluate`."""
            with self.trial.failing(self._trial):
                metrics: dict[str, float] = super().evaluate(*args, **kwargs)
                value = metrics.get(self.trial.metric, 0.0)
                if not math.isfinite(value):
                    raise FloatingPointError(f"`{self.trial.metric}` is {value}.")
                return metrics

        # The arguments are set already; transformers would turn a fraction into the type of the default, 0.
        def _hp_search_setup(self, trial: Any) -> None:
            super()._hp_search_setup({} if isinstance(trial, Mapping) else trial)

        # Trials are compared by evaluations, not by steps: with batches of other sizes no two would be pruned by each
        # other.
        def _report_to_hp_search(self, trial: Any, step: int, metrics: dict[str, float]) -> None:
            self._evaluations += 1
            super()._report_to_hp_search(trial, self._evaluations, metrics)

    return TrialTrainer


class SeenCallback(TrainerCallback):
    """Says now and then that the process of a trial lives."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial
        self.said = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if time.monotonic() - self.said > SEEN_SECONDS:
            self.trial.set_user_attr(SEEN, time.time())
            self.said = time.monotonic()

    on_prediction_step = on_step_end
