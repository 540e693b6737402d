"""Learning from what a teacher says of texts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import datasets
import numpy as np
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from ...data.batches.tags import IGNORED_LABEL
from ...data.batches.texts import tokenize_dataset
from ...data.readers.files import read_rows
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.texts import DataArguments, TextClassificationData, load_texts
from ...training.arguments import RecurrentTrainingArguments
from ...training.distillation_trainer import TEACHER_LOGITS
from ..arguments import TokenizerArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.learning import distilled, naming, teacher_of, trained_on, with_labels
from ..distillation.teacher import Teacher
from ..run import TrainingTask


__all__ = ["distil_texts", "load_unlabelled_texts", "with_unlabelled_texts"]


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
        columns[TEACHER_LOGITS] = _written_logits(distillation.unlabelled_file, len(data.label_names or []))
    rows = datasets.Dataset.from_dict(columns)
    return replace(data, splits=datasets.DatasetDict({**data.splits, UNLABELLED_SPLIT: rows}))


def _written_logits(unlabelled_file: str, num_labels: int) -> list[list[float]]:
    rows = read_rows(unlabelled_file)
    if TEACHER_LOGITS not in rows.column_names:
        raise ValueError(
            f"`unlabelled_file`={unlabelled_file!r} needs a `teacher_name_or_path` to say what is in it, or a column "
            f"`{TEACHER_LOGITS}`; its columns are {', '.join(map(repr, rows.column_names))}."
        )
    logits = rows[TEACHER_LOGITS][:]
    for row, values in enumerate(logits):
        if not (isinstance(values, list) and len(values) == num_labels and np.isfinite(values).all()):
            raise ValueError(
                f"`unlabelled_file`={unlabelled_file!r}: `{TEACHER_LOGITS}` of row {row} is {values!r}; it must be "
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
    tokenizer = AutoTokenizer.from_pretrained(name)
    teacher = Teacher.load(name, AutoModelForSequenceClassification, data.label_names, tokenizer)
    texts = datasets.concatenate_datasets([rows.select_columns("text") for rows in trained_on(data.splits)])
    read = tokenize_dataset(
        texts,
        teacher.tokenizer,
        max_length=teacher.max_length,
        side=tokenizer_arguments.truncation,  # type: ignore[arg-type]
    )
    logits = teacher.logits(read, distillation.teacher_batch_size, arguments)
    return distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {})
