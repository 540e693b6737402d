"""The parts that distillation of texts and of sentences has in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ...bundles import PREFIX
from ...data.readers.sources import UNLABELLED_SPLIT
from ...models.modeling_rnn import RecurrentPreTrainedModel
from ...training.distillation_trainer import TEACHER_LOGITS, DistillationTrainer
from ..beside import Baseline, Fit
from ..run import TrainingTask
from .arguments import DistillationArguments
from .ensemble import Ensemble, spoken_for


__all__ = []


logger = logging.getLogger(__name__)


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
    # A siamese network is around an encoder.
    if not isinstance(getattr(task.model.base_model, "encoder", task.model), RecurrentPreTrainedModel):
        raise ValueError(
            f"`{argument}`={value!r} was given to train a {type(task.model).__name__}; the student must be a "
            "recurrent model."
        )
    return argument, value


def taught_splits(splits: Any) -> list[str]:
    return [name for name in ("train", UNLABELLED_SPLIT) if name in splits]


def trained_on(splits: Any) -> list[datasets.Dataset]:
    return [splits[name] for name in taught_splits(splits)]


def say_what_is_taught(logits: np.ndarray) -> None:
    """Say how many of the items that are trained on no teacher speaks of.

    Raises:
        ValueError: none does of any.
    """
    spoken = int(spoken_for(logits).sum())
    if not spoken and len(logits):
        raise ValueError(
            "`teacher_name_or_path` says nothing of any row that is trained on; a file of logits must have the texts "
            "of some."
        )
    if spoken < len(logits):
        logger.warning(
            "No teacher says anything of %s of the %s items that are trained on.",
            f"{len(logits) - spoken:,}",
            f"{len(logits):,}",
        )


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


# Given the logarithms of probabilities (items, labels) of a split, and its name, the figures of the run's metrics.
Measure = Callable[[np.ndarray, str], Mapping[str, float]]


def teachers_beside(ensemble: Ensemble, rows: Mapping[str, datasets.Dataset], measure: Measure) -> tuple[Fit, ...]:
    """What measures each teacher, and several of them together, as the student is measured: a student is judged
    against what it learns from.

    Args:
        rows: Split → rows as people have them.
        measure: Of items that no teacher speaks of, all labels have the same probability.
    """
    numbers: list[int | None] = [*range(len(ensemble.teachers))]
    together = [None] if len(numbers) > 1 else []
    return tuple(partial(_measured, ensemble, rows, measure, number) for number in [*numbers, *together])


def _measured(
    ensemble: Ensemble,
    rows: Mapping[str, datasets.Dataset],
    measure: Measure,
    number: int | None,
    splits: Collection[str],
) -> Baseline:
    figures: dict[str, Mapping[str, float]] = {}
    options: dict[str, Any] = {}
    for split in splits:
        said = ensemble.said if number is None else partial(ensemble.of_teacher, number)
        logits = said(split, rows[split])
        silent = ~spoken_for(logits)
        if silent.any():
            options[f"items of {split} that it says nothing of"] = int(silent.sum())
            logits = np.where(silent[:, None], 0.0, logits)
        figures[split] = measure(logits, split)
    if number is None:
        options["temperatures"] = list(ensemble.temperatures)
        return Baseline("the mean of the teachers", figures, options)
    return Baseline(f"teacher {_short(ensemble.teachers[number].name)}", figures, options)


def _short(name: str) -> str:
    """The last part of a path of this machine, the name of a bundled checkpoint, or the id of a repository."""
    return Path(name).name if Path(name).exists() else name.removeprefix(PREFIX)
