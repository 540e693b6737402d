"""A text classifier from raw texts to measured results; `scripts/run_text_classification.py` is its command line."""

from __future__ import annotations

import csv
import logging
import math
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EarlyStoppingCallback,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from ..data.readers import DataArguments, TextClassificationData, load_text_classification
from ..data.truncation import tokenize_dataset
from ..kernels.loading import build_and_load
from ..models.configuration_rnn import RecurrentConfig
from .arguments import ModelArguments, RecurrentTrainingArguments, ReportArguments, TokenizerArguments
from .building import build_model, build_tokenizer, trained_labels
from .clock import TrainingClock
from .curves import plot_learning_curves
from .describe import describe_model, non_default_arguments, split_metrics
from .metrics import default_metric, metrics_for
from .results import build_results, write_results
from .run_folder import CURVES_FILE, PREDICTIONS_FILE, RESULTS_FILE, checkpoint_to_resume
from .threads import computing_threads
from .trainer import RecurrentTrainer


logger = logging.getLogger(__name__)


def run_text_classification(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    tokenizer_arguments: TokenizerArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    recipe: str | None = None,
) -> dict[str, Any]:
    """
    Train (`do_train`), evaluate on train and validation (`do_eval`), on test (`do_predict`), and write results.

    The output folder ends with the best model on validation (the last where there is none), its tokenizer, the last
    checkpoints, `results.json`, `learning_curves.png` and `predictions.csv`.

    Args:
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
    """
    checkpoint = checkpoint_to_resume(arguments)
    build_and_load()
    set_seed(arguments.seed)
    data = load_text_classification(data_arguments, label2id=trained_labels(model_arguments))
    _check_splits(data, arguments)
    tokenizer, model = _tokenizer_and_model(model_arguments, tokenizer_arguments, data, arguments, checkpoint)
    recurrent = isinstance(model.config, RecurrentConfig)
    arguments.select_by(default_metric(data.problem_type))
    splits = tokenize_splits(data, tokenizer, tokenizer_arguments, recurrent)
    trainer = RecurrentTrainer(
        model=model,
        args=arguments,
        train_dataset=splits["train"],
        eval_dataset=splits.get("validation"),
        processing_class=tokenizer,
        compute_metrics=metrics_for(data.problem_type, len(data.label_names or ["score"])),
        callbacks=[TrainingClock(), *_early_stopping(arguments)],
    )
    with computing_threads(model, arguments.torch_threads) as threads:
        if arguments.do_train:
            trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model()
        output = Path(arguments.output_dir or ".")
        if any("loss" in entry or "eval_loss" in entry for entry in trainer.state.log_history):
            plot_learning_curves(trainer.state.log_history, output / CURVES_FILE, _bare_metric(arguments))
        metrics = _measure(trainer, splits, data, output)
        base_model = report_arguments.base_model_id or _hub_id(model_arguments.model_name_or_path)
        results = build_results(
            task="text-classification",
            name=report_arguments.report_name or output.resolve().name,
            model=describe_model(model, output, base_model=base_model),
            dataset=_describe_data(data, data_arguments, report_arguments),
            metrics=metrics,
            training={
                "minutes": round(_minutes(trainer), 2),
                "epochs": trainer.state.epoch,
                "steps": trainer.state.global_step,
                "best_step": trainer.state.best_global_step,
                "selection": _selection(arguments),
                "arguments": non_default_arguments(model_arguments, data_arguments, tokenizer_arguments, arguments),
                "seed": arguments.seed,
                "data_seed": arguments.data_seed,
                "threads": threads,
            },
            recipe=recipe,
        )
    write_results(results, output / RESULTS_FILE)
    return results


def tokenize_splits(
    data: TextClassificationData,
    tokenizer: PreTrainedTokenizerBase,
    arguments: TokenizerArguments,
    recurrent: bool,
) -> dict[str, datasets.Dataset]:
    """
    `train`, cut for training; `train_whole`, `validation` and `test` as they are evaluated: by default whole for a
    recurrent model, because its pipeline reads them whole, and cut as in training for a model with a limit.
    """
    # A tokenizer without a limit says so by a number of thirty digits.
    limit = tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None
    length = arguments.max_seq_length or limit
    eval_length = arguments.max_eval_seq_length or (None if recurrent else length)
    most = {"train": length, "train_whole": eval_length, "validation": eval_length, "test": eval_length}
    return {
        name: tokenize_dataset(
            data.splits[name.removesuffix("_whole")],
            tokenizer,
            max_length=most[name],
            side=arguments.truncation,  # type: ignore[arg-type]
        )
        for name in most
        if name.removesuffix("_whole") in data.splits
    }


def _check_splits(data: TextClassificationData, arguments: RecurrentTrainingArguments) -> None:
    if "validation" not in data.splits and arguments.do_train and arguments.eval_strategy != "no":
        raise ValueError(
            "There is no validation split to select the model on: give `validation_file`, "
            "`validation_split_percentage` or `validation_split_size`; or, to train on all rows for a fixed number of "
            "epochs, `eval_strategy` no and `load_best_model_at_end` false."
        )
    if arguments.do_predict and "test" not in data.splits:
        raise ValueError("`do_predict` needs a test split: give `test_file` or `test_split_percentage`.")


def _tokenizer_and_model(
    model_arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    data: TextClassificationData,
    arguments: RecurrentTrainingArguments,
    checkpoint: str | None,
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    if checkpoint is None:
        texts, show_progress = data.splits["train"]["text"], not arguments.disable_tqdm
        tokenizer = build_tokenizer(tokenizer_arguments, model_arguments, texts, show_progress=show_progress)
    else:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    names = data.label_names or ["score"]
    model = build_model(
        model_arguments,
        AutoModelForSequenceClassification,
        tokenizer,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
        problem_type=data.problem_type,
    )
    return tokenizer, model


def _early_stopping(arguments: RecurrentTrainingArguments) -> list[EarlyStoppingCallback]:
    patience = arguments.early_stopping_patience
    return [] if patience is None else [EarlyStoppingCallback(early_stopping_patience=patience)]


def _bare_metric(arguments: RecurrentTrainingArguments) -> str:
    return str(arguments.metric_for_best_model).removeprefix("eval_")


def _minutes(trainer: RecurrentTrainer) -> float:
    # A resumed trainer has put the clock of its checkpoint in place of the one it was given.
    return next(item for item in trainer.callback_handler.callbacks if isinstance(item, TrainingClock)).minutes


def _selection(arguments: RecurrentTrainingArguments) -> dict[str, str] | None:
    if not (arguments.do_train and arguments.load_best_model_at_end):
        return None
    return {"split": "validation", "metric": _bare_metric(arguments)}


def _hub_id(name: str | None) -> str | None:
    """`name` unless it is a folder of this machine, which means nothing to a reader of the results."""
    return name if name is None or not Path(name).is_dir() else None


def _measure(
    trainer: RecurrentTrainer, splits: dict[str, datasets.Dataset], data: TextClassificationData, output: Path
) -> dict[str, dict[str, float]]:
    metrics = {}
    if trainer.args.do_eval:
        measured = {"train": "train_whole", "validation": "validation"}
        for name, split in ((name, split) for name, split in measured.items() if split in splits):
            metrics[name] = split_metrics(trainer.evaluate(splits[split], metric_key_prefix=name), name)
    if trainer.args.do_predict:
        predicted = trainer.predict(splits["test"], metric_key_prefix="test")
        metrics["test"] = split_metrics(predicted.metrics or {}, "test")
        write_predictions(output / PREDICTIONS_FILE, predicted.predictions, predicted.label_ids, data)
    return metrics


def write_predictions(path: Path, logits: Any, labels: Any, data: TextClassificationData) -> None:
    """
    One row for each text of the test split, in its order: `row`, the true `label`, the `prediction` and its `score`
    (probability; for several labels, names joined by a space; for regression the number itself).
    """
    values = np.asarray(logits[0] if isinstance(logits, tuple) else logits, dtype=np.float64)
    names = data.label_names
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "label", "prediction", "score"])
        for row, (logit, label) in enumerate(zip(values, labels, strict=True)):
            if names is None:
                number = float(np.ravel(logit)[0])
                writer.writerow([row, float(np.ravel(label)[0]), number, number])
            elif data.problem_type == "multi_label_classification":
                scores = 1 / (1 + np.exp(-logit))
                chosen = [name for name, score in zip(names, scores, strict=True) if score >= 0.5]
                true = [name for name, value in zip(names, label, strict=True) if value >= 0.5]
                writer.writerow([row, " ".join(true), " ".join(chosen), " ".join(f"{score:.6f}" for score in scores)])
            else:
                scores = np.exp(logit - logit.max())
                best = int(logit.argmax())
                writer.writerow([row, names[int(label)], names[best], f"{scores[best] / math.fsum(scores):.6f}"])


def _describe_data(data: TextClassificationData, arguments: DataArguments, report: ReportArguments) -> dict[str, Any]:
    return {
        "name": report.dataset_title or Path(data.dataset_name).stem,
        "hub_id": report.dataset_hub_id or _hub_id(arguments.dataset_name),
        "source": arguments.train_file,
        "splits": {name: len(rows) for name, rows in data.splits.items()},
        "notes": report.dataset_notes,
    }


__all__ = ["run_text_classification", "tokenize_splits", "write_predictions"]
