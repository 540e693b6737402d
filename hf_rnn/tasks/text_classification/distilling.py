"""Learning from what a teacher says of texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import datasets
import numpy as np
from transformers import AutoModelForSequenceClassification, EvalPrediction

from ...data.batches.tags import IGNORED_LABEL
from ...data.batches.texts import TruncationSide, tokenize_dataset
from ...data.readers.files import read_rows
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.tables.options import ReadingArguments, reading_flags
from ...data.readers.texts import DataArguments, TextClassificationData, load_texts
from ...metrics.classification import metrics_for
from ...training.arguments import RecurrentTrainingArguments
from ...training.distillation_trainer import TEACHER_LOGITS
from ..arguments import TokenizerArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.cache import Questions
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
from ..distillation.teacher import CheckpointTeacher, Teacher, load_classifier, teacher_tokenizer
from ..run import TrainingTask


__all__ = [
    "TextTeacher",
    "WrittenTeacher",
    "distil_texts",
    "load_text_teacher",
    "load_unlabelled_texts",
    "with_unlabelled_texts",
]


def load_unlabelled_texts(
    unlabelled_file: str, arguments: DataArguments, empty_rows: Literal["drop", "refuse"] | None = None
) -> list[str]:
    """The texts of all rows of a file that is read as `arguments` say of the training data.

    Args:
        empty_rows: What becomes of rows without a text. Default: as `arguments` say.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    with naming(unlabelled_file):
        return load_texts(
            DataArguments(
                train_file=unlabelled_file,
                text_column_names=arguments.text_column_names,
                text_column_delimiter=arguments.text_column_delimiter,
                label_column_name=arguments.label_column_name,
                **reading_flags(arguments),
                empty_rows=empty_rows or arguments.empty_rows,
            )
        )


def with_unlabelled_texts(
    data: TextClassificationData, arguments: DataArguments, distillation: DistillationArguments
) -> TextClassificationData:
    """`data` with a further split `unlabelled`, of the column `text`, if `unlabelled_file` was given; without a
    teacher also of the column `teacher_logits`, which the file then has.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    if distillation.unlabelled_file is None:
        return data
    # Written logits belong to their rows, of which none may be left out.
    empty_rows: Literal["refuse"] | None = "refuse" if distillation.teacher_name_or_path is None else None
    texts = load_unlabelled_texts(distillation.unlabelled_file, arguments, empty_rows)
    columns: dict[str, list[Any]] = {"text": texts}
    if distillation.teacher_name_or_path is None:
        file = distillation.unlabelled_file
        columns[TEACHER_LOGITS] = written_logits(
            "unlabelled_file", file, read_rows(file, arguments), len(data.label_names or [])
        )
    rows = datasets.Dataset.from_dict(columns)
    return replace(data, splits=datasets.DatasetDict({**data.splits, UNLABELLED_SPLIT: rows}))


def written_logits(argument: str, file: str, rows: datasets.Dataset, num_labels: int) -> list[list[float]]:
    """The column `teacher_logits` of a file.

    Args:
        argument: The one that names the file, for errors.

    Raises:
        ValueError: there is none, or a row has not a finite number for each label.
    """
    if TEACHER_LOGITS not in rows.column_names:
        teacher = "a `teacher_name_or_path` to say what is in it, or " if argument == "unlabelled_file" else ""
        raise ValueError(
            f"`{argument}`={file!r} needs {teacher}a column `{TEACHER_LOGITS}`; its columns are "
            f"{', '.join(map(repr, rows.column_names))}."
        )
    logits = rows[TEACHER_LOGITS][:]
    for row, values in enumerate(logits):
        if not (isinstance(values, list) and len(values) == num_labels and np.isfinite(values).all()):
            raise ValueError(
                f"`{argument}`={file!r}: `{TEACHER_LOGITS}` of row {row} is {values!r}; it must be "
                f"{num_labels} finite numbers, one for each label of the training data."
            )
    return logits


def distil_texts(
    task: TrainingTask,
    data: TextClassificationData,
    tokenized: dict[str, datasets.Dataset],
    distillation: DistillationArguments,
    arguments: RecurrentTrainingArguments,
    tokenizer_arguments: TokenizerArguments,
) -> TrainingTask:
    """`task`, learning from the teacher as well; without one from what the unlabelled texts come with, and of the
    others from their labels alone.

    Args:
        data: With the split `unlabelled`, if there are such texts.
        tokenized: The same splits as the student reads them.
        tokenizer_arguments: Their `truncation` says what the teacher reads of a text that is longer than its limit.

    Raises:
        ValueError: the student or the teacher is of the wrong kind, or their labels differ.
    """
    argument, name = teacher_of(task, distillation)
    if data.problem_type != "single_label_classification" or data.label_names is None:
        raise ValueError(
            f"`{argument}`={name!r} was given for a {data.problem_type}; it must be single_label_classification."
        )
    rows = [
        with_labels(part, part["labels"][:] if "labels" in part.column_names else [IGNORED_LABEL] * len(part))
        for part in trained_on(tokenized)
    ]
    if distillation.teacher_name_or_path is None:
        unknown = [[math.nan] * len(data.label_names)] * len(data.splits["train"])
        logits: list[Any] = [*unknown, *data.splits[UNLABELLED_SPLIT][TEACHER_LOGITS][:]]
        return distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {})
    teachers = [
        load_text_teacher(name, data.label_names, cast(TruncationSide, tokenizer_arguments.truncation))
        for name in distillation.teachers
    ]
    ensemble = Ensemble(teachers, distillation, arguments)
    split = "validation" if "validation" in data.splits else "train"
    ensemble.calibrate(split, data.splits[split], np.asarray(data.splits[split]["label"][:]))
    said = np.concatenate([ensemble.said(split, data.splits[split]) for split in taught_splits(data.splits)])
    say_what_is_taught(said)
    measure = metrics_for("single_label_classification", len(data.label_names), label_names=data.label_names)
    beside = teachers_beside(
        ensemble,
        data.splits,
        lambda logits, split: measure(EvalPrediction(logits, np.asarray(data.splits[split]["label"][:]))),
    )
    task = replace(task, baselines=(*task.baselines, *beside))
    return distilled(task, datasets.concatenate_datasets(rows), list(said), distillation, {})


def load_text_teacher(name: str, label_names: Sequence[str], truncation: TruncationSide) -> Teacher:
    """The teacher of texts that `teacher_name_or_path` names: a checkpoint, or a file of logits.

    Args:
        label_names: The labels of the student, in order of their ids.
        truncation: What a checkpoint with a limit reads of a text that is longer.

    Raises:
        ValueError: its labels are not those of the student, or the file is not one of logits.
    """
    if Path(name).suffix == ".parquet":
        return WrittenTeacher(name, label_names)
    return TextTeacher(name, label_names, truncation)


class TextTeacher(CheckpointTeacher):
    """A classifier of texts; see [`load_text_teacher`]."""

    def __init__(self, name: str, label_names: Sequence[str], truncation: TruncationSide = "head") -> None:
        model, order = load_classifier(name, AutoModelForSequenceClassification, label_names)
        super().__init__(name, teacher_tokenizer(name), model, order)
        self.truncation = truncation

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a text is an item."""
        texts = rows.select_columns("text")
        read = tokenize_dataset(texts, self.tokenizer, max_length=self.max_length, side=self.truncation)
        return Questions(read, list(np.arange(len(read))[:, None]), len(read))


class WrittenTeacher(Teacher):
    """A file with the columns `text` and `teacher_logits`, whatever has written it; of other texts it says nothing.

    Args:
        name: The path of a .parquet file.
        label_names: The labels of the student, in order of their ids, which is that of the logits.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column, or a row has not a finite number for each label.
    """

    def __init__(self, name: str, label_names: Sequence[str]) -> None:
        self.name, self.num_labels = name, len(label_names)
        rows = read_rows(name, ReadingArguments())
        if "text" not in rows.column_names:
            raise ValueError(
                f"`teacher_name_or_path`={name!r} must have the columns `text` and `{TEACHER_LOGITS}`; it has "
                f"{', '.join(map(repr, rows.column_names))}."
            )
        logits = written_logits("teacher_name_or_path", name, rows, self.num_labels)
        self.known = dict(zip(rows["text"][:], logits, strict=True))

    def answers(self, rows: datasets.Dataset, *_: Any) -> np.ndarray:
        """See [`Teacher.answers`]. Nothing is kept: it is in a file already."""
        unknown = [math.nan] * self.num_labels
        return np.array([self.known.get(text, unknown) for text in rows["text"][:]], dtype=np.float32)
