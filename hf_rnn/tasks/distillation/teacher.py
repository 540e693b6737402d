"""A trained model that others learn from, and what it says of rows."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from ...bundles import checkpoint_folder, named_if_missing
from ...checksums import check_source, checksum_of
from ...data.batches.collator import PaddingCollator
from ...kernels.threads import computing_threads
from ...models.encoding import NO_LIMIT
from ...progress import without_weight_bars
from ...training.arguments import RecurrentTrainingArguments
from .cache import Questions, cached_answers, model_parts


__all__ = [
    "ARGUMENT",
    "CheckpointTeacher",
    "FittedTeacher",
    "Teacher",
    "label_order",
    "load_classifier",
    "teacher_folder",
    "teacher_tokenizer",
]


# The argument that names teachers, for errors.
ARGUMENT = "teacher_name_or_path"
ARGUMENT = "teacher_name_or_path"
# What a configuration says of where a checkpoint lay and what wrote it.
OF_ITS_PLACE = ("_name_or_path", "transformers_version")


def teacher_folder(name: str) -> str:
    """The checkpoint that `teacher_name_or_path` names, as `from_pretrained` takes it."""
    return checkpoint_folder(name, ARGUMENT)


def teacher_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of the teacher that `teacher_name_or_path` names.

    Raises:
        OSError: there is no such checkpoint; the message says what was given.
    """
    folder = teacher_folder(name)
    with named_if_missing(folder, ARGUMENT, name):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer


class Teacher(ABC):
    """What students learn from.

    Attributes:
        name: As the user named it: a Hub id, a folder or a file.
    """

    name: str

    @abstractmethod
    def answers(
        self, rows: datasets.Dataset, path: Path, batch_size: int, arguments: RecurrentTrainingArguments
    ) -> np.ndarray:
        """What it says of the items of `rows`, (items, values), NaN where it says nothing.

        Args:
            rows: As people have them, with texts or tokens.
            path: A .npy file that keeps the answers, which are read from there the next time.
            batch_size: The rows that are read at once.
            arguments: Say on which device, with how many threads, and whether a progress bar is shown.

        Raises:
            ValueError: an answer is infinite, or NaN; or `path` has the answers to other questions.
        """

    def values(self, raw: np.ndarray) -> np.ndarray:
        """Make logits (items, labels), or scores (items, 1), of answers (items, values)."""
        return raw


class FittedTeacher(Teacher):
    """A teacher whose answers become logits or scores only by what labelled items tell of them."""

    @abstractmethod
    def fit(self, raw: np.ndarray, labels: np.ndarray) -> None:
        """Learn how answers become logits or scores.

        Args:
            raw: Its answers to some items (items, values).
            labels: Their labels or scores, (items).
        """


def load_classifier(name: str, auto_class: Any, label_names: Sequence[str]) -> tuple[PreTrainedModel, list[int]]:
    """Load a model that gives logits of labels.

    Args:
        name: A Hub id or folder.
        auto_class: The Auto class of the task, such as `AutoModelForSequenceClassification`.
        label_names: The labels of the student, in order of their ids.

    Returns:
        The model, in float32, and where the labels of the student stand among its own.

    Raises:
        ValueError: its labels are not those of the student, or its logits give no distribution over them.
    """
    folder = teacher_folder(name)
    check_source(folder)
    with without_weight_bars(), named_if_missing(folder, ARGUMENT, name):
        model: PreTrainedModel = auto_class.from_pretrained(folder, dtype=torch.float32)
    config: Any = model.config
    names = [str(config.id2label[index]) for index in range(config.num_labels)]
    order = label_order(name, names, label_names)
    if config.problem_type not in (None, "single_label_classification"):
        raise ValueError(
            f"`teacher_name_or_path`={name!r} is of the `problem_type` {config.problem_type}; it must be "
            "single_label_classification."
        )
    return model, order


class CheckpointTeacher(Teacher):
    """A checkpoint that reads rows of tokens.

    Args:
        name: A Hub id or folder.
        tokenizer: The teacher's own.
        model: In float32.
        order: The places, among what it says of an item, of what the student wants to know, in the student's order.
    """

    def __init__(
        self, name: str, tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, order: list[int]
    ) -> None:
        self.name, self.tokenizer, self.model, self.order = name, tokenizer, model.eval(), order

    @property
    def max_length(self) -> int | None:
        """The most tokens it reads at once; None: any number."""
        return self.tokenizer.model_max_length if self.tokenizer.model_max_length < NO_LIMIT else None

    @property
    def device(self) -> torch.device:
        """The device of its weights."""
        return next(self.model.parameters()).device

    @abstractmethod
    def questions(self, rows: datasets.Dataset) -> Questions:
        """Tokenise the rows."""

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Compute what it says of a padded batch, in its own order: (rows, labels), or (rows, time, labels)."""
        found: torch.Tensor = self.model(**batch).logits
        return found

    def collator(self) -> Any:
        """The collator that makes a batch of its rows."""
        return PaddingCollator(self.tokenizer)

    def picked(self, logits: torch.Tensor, rows: datasets.Dataset) -> list[np.ndarray]:
        """Pick those logits of some rows that answer for their items: for each row (items of the row, labels)."""
        return list(logits.unsqueeze(1).numpy())

    @torch.no_grad()
    def answer(self, rows: datasets.Dataset) -> list[np.ndarray]:
        """Give for each tokenised row the logits of its items (items of the row, labels), in the student's order.

        Raises:
            ValueError: a logit is infinite or NaN.
        """
        wanted = [name for name in rows.column_names if name.removesuffix("_b") in self.tokenizer.model_input_names]
        batch = {name: value.to(self.device) for name, value in self.collator()(rows.select_columns(wanted)).items()}
        found = self.picked(self.logits(batch)[..., self.order].float().cpu(), rows)
        if not all(np.isfinite(values).all() for values in found):
            raise ValueError(f"`teacher_name_or_path`={self.name!r} gives logits that are not finite numbers.")
        return found

    def checksum(self, questions: Questions) -> str:
        """SHA-256 of all that the answers hang on: configuration, weights, the order of the labels and the tokens."""
        inputs = [name for name in questions.rows.column_names if name.startswith("input_ids")]
        tokens = (np.concatenate([[len(ids), *ids] for ids in questions.rows[name][:]] or [[]]) for name in inputs)
        return checksum_of([self.order, *model_parts(self.model), *tokens, *questions.places])

    def answers(
        self, rows: datasets.Dataset, path: Path, batch_size: int, arguments: RecurrentTrainingArguments
    ) -> np.ndarray:
        """See [`Teacher.answers`]."""
        questions = self.questions(rows)
        checksum = self.checksum(questions)
        module: torch.nn.Module = self.model
        module.to(arguments.device)
        bar = logging.tqdm(
            total=len(questions.rows), desc=f"Teacher {self.name}", unit=" rows", disable=arguments.disable_tqdm
        )
        # One process computes, the others read what it wrote.
        first = arguments.main_process_first(desc="teacher") if arguments.world_size > 1 else contextlib.nullcontext()
        with first, computing_threads(module, arguments.torch_threads), bar:
            return cached_answers(
                path,
                checksum,
                questions,
                len(self.order),
                lambda chosen: self.answer(questions.rows.select(chosen)),
                batch_size,
                bar.update,
            )


def label_order(name: str, teacher: Sequence[str], student: Sequence[str]) -> list[int]:
    """Where the labels of a student stand among those of its teacher.

    Raises:
        ValueError: they have other labels.
    """
    if sorted(teacher) != sorted(student):
        raise ValueError(
            f"`teacher_name_or_path`={name!r} has the labels {', '.join(teacher)}; they must be those of the data, "
            f"{', '.join(student)}, in any order."
        )
    return [list(teacher).index(label) for label in student]
