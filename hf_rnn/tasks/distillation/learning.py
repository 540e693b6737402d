"""The parts that distillation of texts and of sentences has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import datasets

from ...data.readers.sources import UNLABELLED_SPLIT
from ...models.modeling_rnn import RecurrentPreTrainedModel
from ...training.distillation_trainer import TEACHER_LOGITS, DistillationTrainer
from ..run import TrainingTask
from .arguments import DistillationArguments


__all__ = []


@contextmanager
def naming(unlabelled_file: str) -> Iterator[None]:
    # The readers speak of a training file.
    try:
        yield
    except ValueError as error:
        raise ValueError(f"`unlabelled_file`={unlabelled_file!r}: {error}") from error


def teacher_of(task: TrainingTask, distillation: DistillationArguments) -> tuple[str, str]:
    """The argument that names what is learned from, and its value."""
    argument = "unlabelled_file" if distillation.teacher_name_or_path is None else "teacher_name_or_path"
    value = str(getattr(distillation, argument))
    if not isinstance(task.model, RecurrentPreTrainedModel):
        raise ValueError(
            f"`{argument}`={value!r} was given to train a {type(task.model).__name__}; the student must be a "
            "recurrent model."
        )
    return argument, value


def trained_on(splits: Any) -> list[datasets.Dataset]:
    return [splits[name] for name in ("train", UNLABELLED_SPLIT) if name in splits]


def with_labels(rows: datasets.Dataset, labels: list[Any]) -> datasets.Dataset:
    # Labels are plain numbers here: -100 is none of a ClassLabel.
    others = rows.remove_columns("labels") if "labels" in rows.column_names else rows
    return others.add_column("labels", labels)


def distilled(
    task: TrainingTask,
    rows: datasets.Dataset,
    logits: list[Any],
    distillation: DistillationArguments,
    options: dict[str, Any],
) -> TrainingTask:
    feature = datasets.List(datasets.Value("float32"))
    options = {
        "distillation_temperature": distillation.distillation_temperature,
        "distillation_weight": distillation.distillation_weight,
        **options,
    }
    return replace(
        task,
        train=rows.add_column(TEACHER_LOGITS, logits, feature=feature),
        trainer_class=DistillationTrainer,
        trainer_options={**task.trainer_options, **options},
    )
