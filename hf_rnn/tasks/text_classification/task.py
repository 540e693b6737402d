"""A text classifier from raw texts to measured results; `scripts/run_text_classification.py` is its command line."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...data.batches.texts import tokenize_dataset
from ...data.readers.label_forms import REGRESSION
from ...data.readers.labels import LabelMap
from ...data.readers.sources import UNLABELLED_SPLIT, training_column
from ...data.readers.texts import DataArguments, TextClassificationData, load_text_classification
from ...inference.pipelines import label_names
from ...metrics.label_threshold import probabilities_of
from ...models.configuration_rnn import RecurrentConfig
from ...models.label_threshold import DEFAULT_LABEL_THRESHOLD, label_threshold
from ...runs.describe import split_metrics
from ...runs.folder import PREDICTIONS_FILE
from ...training.arguments import RecurrentTrainingArguments
from ...training.task_of_model import problem_type_of
from ...training.trainer import RecurrentTrainer
from ..arguments import ModelArguments, ReportArguments, TokenizerArguments
from ..building import bare_encoder, build_tokenizer, checkpoint_config, trained_labels, with_new_head
from ..distillation.arguments import DistillationArguments
from ..pretrained_start import FINE_TUNING, language_of, start_from_base
from ..run import TrainingTask, check_splits
from ..task import Task
from .baseline import fit_linear
from .bias_start import start_bias
from .building import build_classifier, with_kind
from .comparing import TEST_DATA
from .distilling import distil_texts, with_unlabelled_texts
from .thresholds import metrics_on_the_way, settle_threshold
from .wide_start import start_wide_part, wide_values


__all__ = [
    "GROUPS",
    "TASK",
    "prepare_text_classification",
    "run_text_classification",
    "tokenize_splits",
    "write_predictions",
]


logger = logging.getLogger(__name__)

# The argument dataclasses, in the order in which `run_text_classification` takes them.
GROUPS = (
    ModelArguments,
    DataArguments,
    TokenizerArguments,
    ReportArguments,
    RecurrentTrainingArguments,
    DistillationArguments,
)

# Texts of so many tokens, and of so many times the median, are spoken of.
LONG_TEXT, LONG_TIMES = 2000, 20


def run_text_classification(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    tokenizer_arguments: TokenizerArguments,
    report_arguments: ReportArguments,
    arguments: RecurrentTrainingArguments,
    distillation_arguments: DistillationArguments | None = None,
    recipe: str | None = None,
) -> dict[str, Any]:
    """Train (`do_train`), evaluate on train and validation (`do_eval`), on test (`do_predict`), and write results.

    The output folder ends with the best model on validation (the last where there is none), its tokenizer, the last
    checkpoints, `results.json`, `learning_curves.png` and `predictions.csv`.

    Args:
        distillation_arguments: A model to learn from besides; None: the labels alone.
        recipe: Path of the file that the arguments came from.

    Returns:
        The document in `results.json`.

    Raises:
        ValueError: for arguments or data that do not fit together; the message names them.
        MissingExtraError: the extra `train` is not installed.
    """
    distillation = distillation_arguments or DistillationArguments()
    groups = (model_arguments, data_arguments, tokenizer_arguments, report_arguments, arguments, distillation)
    return TASK.run(groups, recipe)


def prepare_text_classification(
    model_arguments: ModelArguments,
    data_arguments: DataArguments,
    tokenizer_arguments: TokenizerArguments,
    arguments: RecurrentTrainingArguments,
    distillation: DistillationArguments,
    *,
    checkpoint: str | None = None,
    language: str | None = None,
) -> TrainingTask:
    """The data, the tokenizer and the model of [`run_text_classification`], ready to be trained.

    Args:
        checkpoint: From which the run goes on; its tokenizer is taken.
        language: That of the texts; None: it is found.
    """
    data = _load(model_arguments, data_arguments, arguments)
    check_splits(data.splits, arguments)
    language = language_of(training_column(data.splits, "text"), language)
    start_from_base(model_arguments, tokenizer_arguments, language)
    data = with_unlabelled_texts(data, data_arguments, distillation)
    tokenizer_arguments = with_kind(tokenizer_arguments, model_arguments)
    tokenizer = build_tokenizer(
        tokenizer_arguments,
        model_arguments,
        training_column(data.splits, "text"),
        checkpoint=checkpoint,
        show_progress=not arguments.disable_tqdm,
    )

    # The wide part would learn from the labels alone.
    wide = not distillation.teaches or distillation.distillation_weight == 0

    def model_init(overrides: Mapping[str, Any]) -> PreTrainedModel:
        model = _classifier(model_arguments.overridden(overrides), tokenizer_arguments, tokenizer, data, wide)
        start_bias(model, splits, data.problem_type)
        start_wide_part(model, tokenizer, splits, data.problem_type)
        return model

    overrides = model_arguments.overrides()
    model = _classifier(model_arguments, tokenizer_arguments, tokenizer, data, wide)
    splits = tokenize_splits(data, tokenizer, tokenizer_arguments, isinstance(model.config, RecurrentConfig))
    if arguments.do_train and checkpoint is None:
        start_bias(model, splits, data.problem_type)
        start_wide_part(model, tokenizer, splits, data.problem_type)
    task = TrainingTask(
        name=TASK.name,
        model=model,
        model_init=model_init,
        tokenizer=tokenizer,
        train=splits.get("train"),
        validation=splits.get("validation"),
        rows={name: len(rows) for name, rows in data.splits.items()},
        dataset_name=data.dataset_name,
        source=data_arguments,
        metric=TASK.kind.selects[data.problem_type],
        compute_metrics=metrics_on_the_way(data, overrides),
        measure=lambda trainer, output: _measure(trainer, splits, data, overrides, output),
        language=language,
        baselines=(partial(fit_linear, data),),
    )
    if distillation.teaches and arguments.do_train:
        task = distil_texts(task, data, splits, distillation, arguments, tokenizer_arguments)
    return task


def _load(
    model_arguments: ModelArguments, data_arguments: DataArguments, arguments: RecurrentTrainingArguments
) -> TextClassificationData:
    """The data: with the labels of the checkpoint where it has all of theirs or is not trained, else with their own.
    A checkpoint that is not trained needs no training split.
    """
    known = trained_labels(model_arguments)
    config = None if arguments.do_train else checkpoint_config(model_arguments)
    data = load_text_classification(
        data_arguments,
        problem_type=None if config is None else problem_type_of(config, None),
        label2id=known,
        keep_labels=not arguments.do_train,
        needs_training=config is None,
        needs_test_labels=False,
    )
    if config is not None and data.label_names == []:
        # Nothing but the checkpoint tells the labels of unlabelled texts, and it may have none but LABEL_0, LABEL_1 …
        data = replace(data, label_names=label_names(config))
    if known is not None and _is_relabelled(data, known):
        names = [*known]
        logger.warning(
            "%s has the labels %s and the data have others, so it gets a new head for those of the data: %s.",
            model_arguments.model_name_or_path,
            LabelMap(names),
            "numbers" if data.label_names is None else LabelMap(data.label_names),
        )
    return data


def _is_relabelled(data: TextClassificationData, known: Mapping[str, int]) -> bool:
    return sorted(known, key=known.__getitem__) != (data.label_names or ["score"])


def tokenize_splits(
    data: TextClassificationData,
    tokenizer: PreTrainedTokenizerBase,
    arguments: TokenizerArguments,
    recurrent: bool,
) -> dict[str, datasets.Dataset]:
    """`train`, cut for training; `train_whole`, `validation` and `test` as they are evaluated: by default whole for a
    recurrent model, because its pipeline reads them whole, and cut as in training for a model with a limit. Texts
    without a label are cut for training.
    """
    length, eval_length = arguments.lengths(tokenizer, recurrent)
    most = {
        "train": length,
        UNLABELLED_SPLIT: length,
        "train_whole": eval_length,
        "validation": eval_length,
        "test": eval_length,
    }
    splits = {
        name: tokenize_dataset(
            data.splits[name.removesuffix("_whole")],
            tokenizer,
            max_length=most[name],
            side=arguments.truncation,  # type: ignore[arg-type]
        )
        for name in most
        if name.removesuffix("_whole") in data.splits
    }
    _say_long_texts(splits)
    return splits


def _say_long_texts(splits: Mapping[str, datasets.Dataset]) -> None:
    """Say where few texts take most of the time, because they are many times as long as the others."""
    lengths = np.asarray(splits["train"]["length"][:] if "train" in splits else [])
    if len(lengths) and (longest := int(lengths.max())) > max(LONG_TEXT, LONG_TIMES * float(np.median(lengths))):
        logger.warning(
            "The longest training text has %s tokens, the median %s: long texts take long. --max_seq_length 512 cuts "
            "them (--truncation says at which end).",
            f"{longest:,}",
            f"{np.median(lengths):,.0f}",
        )


def _classifier(
    arguments: ModelArguments,
    tokenizer_arguments: TokenizerArguments,
    tokenizer: PreTrainedTokenizerBase,
    data: TextClassificationData,
    wide: bool,
) -> PreTrainedModel:
    names = data.label_names or ["score"]
    known = trained_labels(arguments)
    encoder = bare_encoder(arguments)
    new = wide and (arguments.model_name_or_path is None or encoder is not None)
    model = build_classifier(
        arguments,
        tokenizer_arguments,
        tokenizer,
        training_column(data.splits, "text"),
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
        problem_type=data.problem_type,
        **({} if encoder is None else {**FINE_TUNING, "classifier_dropout": FINE_TUNING["dropout"]}),
        **(wide_values(len(names), tokenizer, arguments.overrides(), encoder) if new else {}),
    )
    return model if known is None or not _is_relabelled(data, known) else with_new_head(model)


def _measure(
    trainer: RecurrentTrainer,
    splits: dict[str, datasets.Dataset],
    data: TextClassificationData,
    overrides: Mapping[str, Any],
    output: Path,
) -> dict[str, dict[str, float]]:
    settle_threshold(trainer, splits, data, overrides)
    threshold = label_threshold(cast(Any, trainer.accelerator.unwrap_model(trainer.model)).config)
    metrics = {}
    if trainer.args.do_eval:
        measured = {"train": "train_whole", "validation": "validation"}
        for name, split in ((name, split) for name, split in measured.items() if split in splits):
            metrics[name] = split_metrics(trainer.evaluate(splits[split], metric_key_prefix=name), name)
    if trainer.args.do_predict:
        predicted = trainer.predict(splits["test"], metric_key_prefix="test")
        if predicted.label_ids is not None:
            metrics["test"] = split_metrics(predicted.metrics or {}, "test")
        write_predictions(output / PREDICTIONS_FILE, predicted.predictions, predicted.label_ids, data, threshold)
    return metrics


def write_predictions(
    path: Path,
    logits: Any,
    labels: Any | None,
    data: TextClassificationData,
    threshold: float = DEFAULT_LABEL_THRESHOLD,
) -> None:
    """One row for each text of the test split, in its order: `row`, the true `label`, the `prediction` and its `score`
    (probability; for several labels, the names from the `threshold` on, joined by a space; for regression the number
    itself; of several numbers a `label_NAME` and a `prediction_NAME` each). Without `labels` the columns of the true
    ones are not there.
    """
    values = np.asarray(logits[0] if isinstance(logits, tuple) else logits, dtype=np.float64)
    names = data.label_names
    if data.problem_type == REGRESSION and names is not None:
        _write_numbers(path, values, labels, names)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", *([] if labels is None else ["label"]), "prediction", "score"])
        for row, logit in enumerate(values):
            true = [] if labels is None else [_true_label(labels[row], data)]
            if names is None:
                number = float(np.ravel(logit)[0])
                writer.writerow([row, *true, number, number])
            elif data.problem_type == "multi_label_classification":
                scores = probabilities_of(logit)
                chosen = [name for name, score in zip(names, scores, strict=True) if score >= threshold]
                writer.writerow([row, *true, " ".join(chosen), " ".join(f"{score:.6f}" for score in scores)])
            else:
                scores = np.exp(logit - logit.max())
                best = int(logit.argmax())
                writer.writerow([row, *true, names[best], f"{scores[best] / math.fsum(scores):.6f}"])


def _write_numbers(path: Path, values: np.ndarray, labels: Any | None, names: Sequence[str]) -> None:
    """Several numbers of each text, (texts, numbers)."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        true = [] if labels is None else [f"label_{name}" for name in names]
        writer.writerow(["row", *true, *(f"prediction_{name}" for name in names)])
        for row, numbers in enumerate(values.tolist()):
            writer.writerow([row, *([] if labels is None else map(float, labels[row])), *numbers])


def _true_label(label: Any, data: TextClassificationData) -> str | float:
    if data.label_names is None:
        return float(np.ravel(label)[0])
    if data.problem_type == "multi_label_classification":
        return " ".join(name for name, value in zip(data.label_names, label, strict=True) if value >= 0.5)
    return data.label_names[int(label)]


TASK = Task("text-classification", GROUPS, prepare_text_classification, test_data=TEST_DATA)
