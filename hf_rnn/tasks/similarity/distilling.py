"""Learning from what teachers say of pairs of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import cast

import datasets
import numpy as np
from transformers import EvalPrediction

from ...data.batches.tags import IGNORED_LABEL
from ...data.readers.pairs import PairData, PairDataArguments, load_pairs
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.tables.options import reading_flags
from ...metrics.classification import metrics_for
from ...metrics.pairs import pair_figures
from ...training.arguments import RecurrentTrainingArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.ensemble import Ensemble
from ..distillation.learning import (
    distilled,
    naming,
    say_what_is_taught,
    taught_splits,
    teacher_of,
    teachers_beside,
    trained_on,
    with_labels,
)
from ..run import TrainingTask
from .arguments import SimilarityArguments
from .teachers import load_pair_teacher
from .trainer import PairDistillationTrainer


__all__ = ["distil_pairs", "with_unlabelled", "with_unlabelled_pairs"]


# The kinds of pairs that a teacher has something to say of.
KINDS = ("labels", "scores", "classes")


def with_unlabelled_pairs(
    data: PairData, arguments: PairDataArguments, distillation: DistillationArguments
) -> PairData:
    """`data` with a further split `unlabelled`, its labels all -100, if `unlabelled_file` was given.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    file = distillation.unlabelled_file
    if file is None:
        return data
    if distillation.teacher_name_or_path is None:
        raise ValueError(f"`unlabelled_file`={file!r} needs a `teacher_name_or_path` to say what is in it.")
    with naming(file):
        read = load_pairs(
            PairDataArguments(
                train_file=file, text_column_names=arguments.text_column_names, **reading_flags(arguments)
            )
        )
    rows = read.splits["train"].select_columns(["text", "text_b"])
    no_label = IGNORED_LABEL if data.kind == "classes" else float(IGNORED_LABEL)
    rows = rows.add_column("label", [no_label] * len(rows))
    return replace(data, splits=datasets.DatasetDict({**data.splits, UNLABELLED_SPLIT: rows}))


def with_unlabelled(tokenized: Mapping[str, datasets.Dataset]) -> datasets.Dataset:
    """The rows of the split `train` and, if there are any, after them those of `unlabelled`."""
    return datasets.concatenate_datasets([with_labels(part, part["labels"][:]) for part in trained_on(tokenized)])


def distil_pairs(
    task: TrainingTask,
    data: PairData,
    distillation: DistillationArguments,
    arguments: RecurrentTrainingArguments,
    similarity: SimilarityArguments,
) -> TrainingTask:
    """`task`, learning from the teachers as well.

    Args:
        task: It trains on the rows of [`with_unlabelled`].
        data: With the split `unlabelled`, if there are such pairs.
        similarity: The threshold of what is measured is chosen as for the student.

    Raises:
        ValueError: the pairs are all alike, or triplets; the student or a teacher is of the wrong kind, or their
            labels differ.
    """
    argument, name = teacher_of(task, distillation)
    if data.kind not in KINDS or data.triplets is not None:
        raise ValueError(
            f"`{argument}`={name!r} was given for pairs that are all alike; they must have labels, classes or scores."
        )
    teachers = [load_pair_teacher(name, data) for name in distillation.teachers]
    ensemble = Ensemble(teachers, distillation, arguments, of_scores=data.kind == "scores")
    ensemble.calibrate(*_labelled(data))
    said = np.concatenate([ensemble.said(split, data.splits[split]) for split in taught_splits(data.splits)])
    say_what_is_taught(said)
    beside = teachers_beside(ensemble, data.splits, partial(_figures, data, similarity))
    taught = distilled(task, cast(datasets.Dataset, task.train), list(said), distillation, {})
    return replace(taught, trainer_class=PairDistillationTrainer, baselines=(*task.baselines, *beside))


def _labelled(data: PairData) -> tuple[str, datasets.Dataset, np.ndarray]:
    """The split that teachers are calibrated on, its pairs and their labels or scores."""
    split = "validation" if "validation" in data.splits else "train"
    rows = data.splits[split]
    return split, rows, np.asarray(rows["label"][:], dtype=np.float64 if data.kind == "scores" else np.int64)


def _figures(data: PairData, similarity: SimilarityArguments, said: np.ndarray, split: str) -> dict[str, float]:
    """What teachers' answers are worth: of labels as a classifier's, and their log-odds as a similarity."""
    labels = np.asarray(data.splits[split]["label"][:])
    if data.kind == "classes":
        return metrics_for("single_label_classification", said.shape[1])(EvalPrediction(said, labels))
    if data.kind == "scores":
        return pair_figures("scores", said[:, 0], None, labels)
    odds = said[:, 1] - said[:, 0]
    classifies = odds if similarity.classifies else None
    return pair_figures("labels", odds, classifies, labels, threshold=0.0, odds_threshold=0.0)
