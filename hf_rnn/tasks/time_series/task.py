"""Forecasts of time series, from a table to measured results; `scripts/run_time_series.py` is its command."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from transformers import default_data_collator

from ...data.readers.series.arguments import SeriesDataArguments
from ...models.modeling_series import RecurrentForTimeSeriesPrediction
from ...training.arguments import RecurrentTrainingArguments
from ...training.series_trainer import SeriesTrainer
from ..arguments import ReportArguments
from ..run import TrainingTask
from ..start import NothingToDoError
from ..task import Task
from .arguments import SeriesModelArguments
from .baseline import fit_last_season, fit_last_value, fit_linear
from .building import load_splits, new_model
from .measuring import measure_splits


__all__ = ["GROUPS", "TASK", "prepare_time_series", "run_time_series"]


# The argument dataclasses, in the order in which `run_time_series` takes them.
GROUPS = (SeriesModelArguments, SeriesDataArguments, ReportArguments, RecurrentTrainingArguments)


def run_time_series(
    model_arguments: SeriesModelArguments,
    data_arguments: SeriesDataArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train on the first part of the time, choose the checkpoint on the next, measure on this (`do_eval`) and on the
    last (`do_predict`), and write results.

    The output folder ends with the best model on validation, the last checkpoints, `results.json`,
    `learning_curves.png` and `forecast.png`. The rows of a split, in the results, are its windows.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    return TASK.run((model_arguments, data_arguments, report_arguments, arguments), recipe)


def prepare_time_series(
    model_arguments: SeriesModelArguments,
    data_arguments: SeriesDataArguments,
    arguments: RecurrentTrainingArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The windows and the model of [`run_time_series`], ready to be trained.

    Args:
        checkpoint: The folder that the run goes on from; nothing of it is needed here.
        language: There is none; it is kept for the card.
    """
    splits = load_splits(data_arguments)
    _check_parts(splits.windows, data_arguments, arguments)

    def model_init(overrides: Mapping[str, Any]) -> RecurrentForTimeSeriesPrediction:
        return new_model(model_arguments, splits, overrides)

    return TrainingTask(
        name=TASK.name,
        model=model_init({}),
        model_init=model_init,
        tokenizer=None,
        train=splits.windows["train"],
        validation=splits.windows.get("validation"),
        rows={split: len(windows) for split, windows in splits.windows.items()},
        dataset_name=str(data_arguments.train_file),
        source=data_arguments,
        metric=TASK.kind.selects["series"],
        compute_metrics=None,
        measure=lambda trainer, output: measure_splits(trainer, splits.windows, output),
        trainer_class=SeriesTrainer,
        trainer_options={"data_collator": default_data_collator},
        language=language,
        baselines=(
            partial(fit_last_value, splits),
            partial(fit_last_season, splits, model_arguments.season_length),
            partial(fit_linear, splits),
        ),
        notes=(
            f"mse and mae are of values scaled by the training rows, over all windows of {splits.context_length} "
            "steps; those in units are of the values as they are."
        ),
    )


def _check_parts(
    windows: Mapping[str, Any], data_arguments: SeriesDataArguments, arguments: RecurrentTrainingArguments
) -> None:
    """Raises:
    ValueError: for a part that `arguments` need and that has no window.
    """
    if "validation" not in windows and arguments.eval_strategy != "no":
        raise ValueError(
            f"`validation_part`={data_arguments.validation_part} leaves no rows to select the model on: make it "
            "larger; or, to train on all rows for a fixed number of epochs, give `eval_strategy` no and "
            "`load_best_model_at_end` false."
        )
    if arguments.do_predict and "test" not in windows:
        raise ValueError(f"`do_predict` needs a test part: `test_part`={data_arguments.test_part} leaves none.")


def _check(arguments: tuple[Any, ...]) -> None:
    training = next(group for group in arguments if isinstance(group, RecurrentTrainingArguments))
    if not training.do_train:
        raise NothingToDoError("`do_train` is False; it must be true: `hf-rnn evaluate` measures a finished model.")


TASK = Task("time-series-forecasting", GROUPS, prepare_time_series, check=_check)
