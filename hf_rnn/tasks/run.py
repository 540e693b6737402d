"""A training run from tokenised splits to measured results: what the tasks have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from torch.utils.data import Dataset
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_utils import IntervalStrategy

from ..kernels.threads import computing_threads
from ..runs.curves import plot_learning_curves
from ..runs.describe import describe_model, non_default_arguments, portable
from ..runs.folder import CURVES_FILE, RESULTS_FILE
from ..runs.results import build_results, write_results
from ..runs.writers import folder_to_write, warn_of_missing
from ..training.arguments import RecurrentTrainingArguments
from ..training.clock import TrainingClock
from ..training.resuming.interruption import SAME_COMMAND
from ..training.tracking import name_tracked_run
from ..training.trainer import RecurrentTrainer
from .arguments import ModelArguments, ReportArguments
from .beside import Fit, measure_baselines
from .few_rows import say_few_rows


__all__ = ["TrainingTask", "check_splits", "run_task"]


@dataclass(frozen=True)
class TrainingTask:
    """The parts that a task brings to a run.

    Attributes:
        name: The pipeline's name of it, such as `text-classification`.
        model, tokenizer: What is trained; no tokenizer for a model of images.
        train, validation: Tokenised rows, a dataset of images, or the streams of a text; None: there are none.
        rows: Split → number of rows, before they were tokenised; of a text, its tokens.
        dataset_name: What the data are called where the report names nothing else.
        source: The file or Hub id that was read; None: data that are generated.
        metric: The metric by which the checkpoint is chosen, unless the arguments name another.
        compute_metrics: As `transformers.Trainer` takes it; None where the trainer itself measures.
        measure: Given the trainer and the output folder, the figures of each split; it writes the predictions.
        plotted_metric: That of the learning curves, where it is not the one that chooses.
        trainer_class: What trains it; None: `RecurrentTrainer`.
        trainer_options: Further arguments of the trainer, such as `data_collator`.
        model_init: A new model like `model`, given values of its configuration that come on top of the arguments' own;
            a search needs it.
        train_for: `train` as other training arguments need it; None: it is the same for all.
        language: That of the texts; None: it is not known, or there are no texts.
        baselines: What is fitted and measured beside the model once it is trained; none where nothing cheap compares.
        notes: How its figures are computed, where their names do not say it.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    train: datasets.Dataset | Dataset[Any] | None
    validation: datasets.Dataset | Dataset[Any] | None
    rows: Mapping[str, int]
    dataset_name: str
    source: Any
    metric: str
    compute_metrics: Callable[[EvalPrediction], dict[str, float]] | None
    measure: Callable[[RecurrentTrainer, Path], dict[str, dict[str, float]]]
    plotted_metric: str | None = None
    trainer_class: type[RecurrentTrainer] | None = None
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    model_init: Callable[[Mapping[str, Any]], PreTrainedModel] | None = None
    train_for: Callable[[Any], Dataset[Any]] | None = None
    language: str | None = None
    baselines: Sequence[Fit] = ()
    notes: str | None = None

    def trainer(
        self,
        arguments: RecurrentTrainingArguments,
        kind: type[RecurrentTrainer] | None = None,
        callbacks: Sequence[TrainerCallback] = (),
        **options: Any,
    ) -> RecurrentTrainer:
        """Make the trainer of the task.

        Args:
            kind: In place of `trainer_class`.
            callbacks: Further callbacks, beside those of the trainer itself.
            options: Further ones, such as `model` or `model_init`.
        """
        return (kind or self.trainer_class or RecurrentTrainer)(
            args=arguments,
            train_dataset=self.train,
            eval_dataset=self.validation,
            processing_class=self.tokenizer,
            compute_metrics=self.compute_metrics,
            callbacks=list(callbacks),
            **self.trainer_options,
            **options,
        )


def check_splits(rows: Mapping[str, Any], arguments: RecurrentTrainingArguments) -> None:
    """Raises:
    ValueError: for a split that `arguments` need and `rows` lacks.
    """
    if "validation" not in rows and arguments.do_train and arguments.eval_strategy != "no":
        raise ValueError(
            "There is no validation split to select the model on: give `validation_file`, "
            "`validation_split_percentage` or `validation_split_size`; or, to train on all rows for a fixed number of "
            "epochs, `eval_strategy` no and `load_best_model_at_end` false."
        )
    if arguments.do_predict and "test" not in rows:
        raise ValueError("`do_predict` needs a test split: give `test_file` or `test_split_percentage`.")


def run_task(
    task: TrainingTask,
    arguments: RecurrentTrainingArguments,
    model_arguments: ModelArguments | None,
    report_arguments: ReportArguments,
    recorded: Sequence[Any],
    *,
    checkpoint: str | None = None,
    recipe: str | None = None,
    given: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), measure, and write results.

    The output folder ends with the best model on validation (the last where there is none), its tokenizer, the last
    checkpoints, `results.json`, `learning_curves.png`, `trainer_state.json` with all that was logged, and the
    predictions. Of several processes the first writes them.

    Args:
        model_arguments: None for a task that always starts with a new model.
        recorded: Argument dataclasses whose flags that differ from the defaults `results.json` records.
        checkpoint: To go on from.
        recipe: Path of the file that the arguments came from.
        given: What the run was given, as `facts_given` makes it; a run that goes on with anything else is refused.

    Returns:
        The document in `results.json`; of a process that writes none, its `metrics` alone.

    Raises:
        ChangedRunError: `checkpoint` is of a run with other data, another model or other arguments.
        TrainingInterrupted: Ctrl-C or SIGTERM has stopped the training; its checkpoint is in the output folder.
        ValueError: `push_to_hub` is given, and the model would be one of random weights.
    """
    _refuse_what_would_fail_late(arguments, model_arguments, recorded)
    arguments.select_by(task.metric)
    name_tracked_run(arguments)
    if not arguments.do_train:
        # Nothing is evaluated on the way without training, and no validation split is needed for it.
        arguments.eval_strategy = IntervalStrategy.NO
    trainer = task.trainer(arguments, callbacks=[TrainingClock()], model=task.model)
    trainer.given, trainer.how_to_go_on = given or {}, SAME_COMMAND
    with computing_threads(task.model, arguments.torch_threads) as threads:
        if arguments.do_train:
            trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model()
        with folder_to_write(arguments) as output:
            metrics = task.measure(trainer, output)
            say_few_rows(task.rows, metrics)
        if arguments.do_train:
            # The checkpoints may go; what was logged stays, for `history.read_histories`.
            trainer.save_state()
        if not trainer.is_world_process_zero():
            return {"metrics": metrics}
        _plot_curves(trainer, task.plotted_metric or _bare_metric(arguments), output / CURVES_FILE)
        results = build_results(
            task=task.name,
            name=report_arguments.report_name or output.resolve().name,
            model=describe_model(task.model, output, base_model=_base_model(model_arguments, report_arguments)),
            dataset=_describe_data(task, report_arguments),
            metrics=metrics,
            training={
                **_progress(trainer, arguments),
                # Those in force: what was not given of the length has been chosen in them.
                "arguments": non_default_arguments(*recorded, trainer.args),
                "threads": threads,
            },
            recipe=portable(recipe),
        )
    write_results(results, output / RESULTS_FILE)
    if arguments.baseline and arguments.do_train:
        # The results are on disk before: nothing of a long training is lost if a baseline fails.
        results["baselines"] = measure_baselines(task.baselines, metrics)
        write_results(results, output / RESULTS_FILE)
    return results


def _refuse_what_would_fail_late(
    arguments: RecurrentTrainingArguments, model_arguments: ModelArguments | None, recorded: Sequence[Any]
) -> None:
    """Raise now what would be raised when everything is trained: a model that must not be published, and values that
    cannot be recorded.
    """
    new = model_arguments is None or model_arguments.model_name_or_path is None
    if arguments.push_to_hub and new and not _trains(arguments):
        raise ValueError(
            "`push_to_hub` would publish a model of random weights: give `do_train`, and epochs or steps to train, or "
            "the `model_name_or_path` of a model that was trained before."
        )
    non_default_arguments(*recorded, arguments)
    warn_of_missing(arguments.world_size)


def _plot_curves(trainer: RecurrentTrainer, metric: str, path: Path) -> None:
    if any("loss" in entry or "eval_loss" in entry for entry in trainer.state.log_history):
        plot_learning_curves(trainer.state.log_history, path, metric)


def _base_model(model_arguments: ModelArguments | None, report: ReportArguments) -> str | None:
    """The Hub id of the model that the weights come from; None where they come from none that has one."""
    if model_arguments is None:
        return report.base_model_id
    return report.base_model_id or _hub_id(model_arguments.model_name_or_path or model_arguments.init_from_lm)


def _trains(arguments: RecurrentTrainingArguments) -> bool:
    return arguments.do_train and (arguments.max_steps > 0 or arguments.num_train_epochs != 0)


def _bare_metric(arguments: RecurrentTrainingArguments) -> str:
    return str(arguments.metric_for_best_model).removeprefix("eval_")


def _progress(trainer: RecurrentTrainer, arguments: RecurrentTrainingArguments) -> dict[str, Any]:
    # A resumed trainer has put the clock of its checkpoint in place of the one it was given.
    clock = next(item for item in trainer.callback_handler.callbacks if isinstance(item, TrainingClock))
    selected = arguments.do_train and arguments.load_best_model_at_end
    return {
        "minutes": round(clock.minutes, 2),
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
        "best_step": trainer.state.best_global_step,
        "selection": {"split": "validation", "metric": _bare_metric(arguments)} if selected else None,
        "seed": arguments.seed,
        "data_seed": arguments.data_seed,
    }


def _describe_data(task: TrainingTask, report: ReportArguments) -> dict[str, Any]:
    return {
        "name": report.dataset_title or Path(task.dataset_name).stem,
        "hub_id": report.dataset_hub_id or (task.source and _hub_id(task.source.dataset_name)),
        "source": task.source and portable(task.source.train_file or task.source.test_file),
        "splits": dict(task.rows),
        "notes": " ".join(filter(None, (report.dataset_notes, task.notes))) or None,
    }


def _hub_id(name: str | None) -> str | None:
    """`name` unless it is a folder of this machine, which means nothing to a reader of the results."""
    return name if name is None or not Path(name).is_dir() else None
