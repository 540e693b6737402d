"""A model of numbers or several labels at every token, from what was read to measured results."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...baselines.steps import most_frequent_sets, training_means
from ...data.batches.collator import PaddingCollator
from ...data.batches.steps import NO_TARGET, token_outputs, tokenize_steps
from ...data.readers.label_forms import REGRESSION
from ...data.readers.tagged.steps import STEP_TARGETS, StepData, step_targets
from ...inference.steps import said_of_steps
from ...metrics.label_threshold import probabilities_of
from ...metrics.steps import step_figures, step_metrics_for
from ...models.configuration_rnn import RecurrentConfig
from ...models.label_threshold import label_threshold
from ...models.modeling_rnn import RecurrentForTokenClassification
from ...runs.folder import STEPS_FILE
from ...training.trainer import RecurrentTrainer
from ..arguments import ModelArguments, WordArguments
from ..beside import Baseline
from ..distillation.arguments import DistillationArguments


__all__ = ["refuse_of_steps", "start_at_means", "step_parts"]


def refuse_of_steps(
    data: StepData, model: ModelArguments, words: WordArguments, distillation: DistillationArguments
) -> None:
    """Raises:
    ValueError: for an argument that numbers or several labels a token do not go with.
    """
    given = {
        "label_all_tokens": words.label_all_tokens,
        "teacher_name_or_path": distillation.teacher_name_or_path,
        "unlabelled_file": distillation.unlabelled_file,
    }
    for name, value in given.items():
        if value:
            raise ValueError(
                f"`{name}`={value!r} was given; it is for one tag a token, and the data are for {data.problem_type}."
            )
    if model.overrides().get("crf"):
        raise ValueError(
            f"`config_overrides` give `crf`={model.overrides()['crf']!r}; with the `problem_type` {data.problem_type} "
            "of the data it must be left out: a CRF scores sequences of one tag a token."
        )


def step_parts(
    data: StepData, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int | None
) -> dict[str, Any]:
    """The fields of a [`TrainingTask`] that differ from those of a tagger.

    Args:
        data: What was read.
        model: What is trained.
        tokenizer: It cuts the tokens into pieces.
        max_length: The most pieces of a row; None for no limit.

    Raises:
        ValueError: the model is not one of ours, whose heads alone know such targets, or a split has no target that
            the tokenizer has a piece for.
    """
    if not isinstance(model.config, RecurrentConfig):
        raise ValueError(
            f"The data are for {data.problem_type} at every token, which a {type(model).__name__} does not learn; "
            "leave `model_name_or_path` out, or name a recurrent model."
        )
    splits = {
        name: _with_targets(tokenize_steps(rows, tokenizer, max_length=max_length), name)
        for name, rows in data.splits.items()
    }
    plain = {name: rows.remove_columns(["token", "sentence"]) for name, rows in splits.items()}
    fit = _fit_means if data.problem_type == REGRESSION else _fit_sets
    threshold = label_threshold(model.config)
    return {
        "train": plain["train"],
        "validation": plain.get("validation"),
        "compute_metrics": step_metrics_for(data.problem_type, data.label_names, threshold=threshold),
        "measure": partial(_measure, splits=splits, data=data),
        "trainer_class": None,
        "trainer_options": {"data_collator": PaddingCollator(tokenizer, label_padding=NO_TARGET)},
        "baselines": (partial(fit, data),),
    }


def start_at_means(model: PreTrainedModel, data: StepData) -> None:
    """Let the last layer of a model of numbers start at the means of the training targets, as that of texts does. A
    bias that is not 0 has been learnt, and stays.
    """
    if data.problem_type != REGRESSION or not isinstance(model, RecurrentForTokenClassification):
        return
    bias = model.head.classifier.output.bias
    if bias is None or bool(bias.any()):
        return
    targets = step_targets(data.splits["train"])
    known = torch.from_numpy(np.where(np.isnan(targets).all(axis=0), 0.0, targets))
    with torch.no_grad():
        bias.copy_(known.nanmean(0))


def _with_targets(rows: datasets.Dataset, split: str) -> datasets.Dataset:
    """The rows that have a target; the mean loss of a batch of others would be that of nothing."""
    kept = [
        index
        for index, labels in enumerate(rows["labels"][:])
        if any(not math.isnan(value) for step in labels for value in step)
    ]
    if not kept:
        raise ValueError(f"The {split} split has no target at a token that the tokenizer has a piece for.")
    return rows if len(kept) == len(rows) else rows.select(kept)


def _measure(
    trainer: RecurrentTrainer, output: Path, *, splits: Mapping[str, datasets.Dataset], data: StepData
) -> dict[str, dict[str, float]]:
    wanted = ["train", "validation"] if trainer.args.do_eval else []
    wanted += ["test"] if trainer.args.do_predict else []
    config: Any = trainer.accelerator.unwrap_model(trainer.model).config
    metrics = {}
    for name in (name for name in wanted if name in splits):
        rows = splits[name].remove_columns(["token", "sentence"])
        predicted = trainer.predict(rows, metric_key_prefix=name)
        found = predicted.predictions
        lengths = [len(tokens) for tokens in data.splits[name]["tokens"][:]]
        outputs = token_outputs(found[0] if isinstance(found, tuple) else found, splits[name], lengths)
        loss = float((predicted.metrics or {})[f"{name}_loss"])
        metrics[name] = {"loss": loss, **_figures(np.concatenate(outputs), data, name, label_threshold(config))}
        if name == "test":
            _write(output / STEPS_FILE, data, outputs, label_threshold(config))
    return metrics


def _figures(outputs: np.ndarray, data: StepData, split: str, threshold: float) -> dict[str, float]:
    # Of a token that the tokenizer drops, of which a warning has told, nothing is said.
    targets = np.where(np.isnan(outputs), np.nan, step_targets(data.splits[split]))
    return step_figures(outputs, targets, data.problem_type, data.label_names, threshold)


def _write(path: Path, data: StepData, outputs: Sequence[np.ndarray], threshold: float) -> None:
    """A line of JSON for each sentence: its `tokens`, its `targets`, and what the model says of each, as `hf-rnn
    predict` writes it; null for nothing.
    """
    names, kind = data.label_names, data.problem_type
    with path.open("w", encoding="utf-8") as file:
        for row, (tokens, targets, said) in enumerate(
            zip(data.splits["test"]["tokens"][:], data.splits["test"][STEP_TARGETS][:], outputs, strict=True)
        ):
            known = np.array(targets, dtype=np.float64).reshape(len(tokens), len(names))
            answers = said if kind == REGRESSION else probabilities_of(said)
            true = said_of_steps(known, kind, names, threshold)
            found = said_of_steps(answers, kind, names, threshold)
            line = {"row": row, "tokens": tokens, "targets": next(iter(true.values())), **found}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _fit_means(data: StepData, splits: Collection[str]) -> Baseline:
    """Measure the mean of training."""
    found = training_means(*_counted(data, splits))
    return Baseline(found.name, _measured(found.answers, data, splits), found.options)


def _fit_sets(data: StepData, splits: Collection[str]) -> Baseline:
    """Measure the most frequent set of labels of each word."""
    found = most_frequent_sets(*_counted(data, splits))
    logits = {split: np.where(said > 0.5, np.inf, -np.inf) for split, said in found.answers.items()}
    return Baseline(found.name, _measured(logits, data, splits), found.options)


def _counted(data: StepData, splits: Collection[str]) -> tuple[dict[str, Any], list[Any]]:
    tokens = {split: data.splits[split]["tokens"][:] for split in ("train", *splits)}
    return tokens, data.splits["train"][STEP_TARGETS][:]


def _measured(answers: Mapping[str, np.ndarray], data: StepData, splits: Collection[str]) -> dict[str, Any]:
    return {split: _figures(answers[split], data, split, 0.5) for split in splits}
