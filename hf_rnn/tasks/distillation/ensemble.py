"""Several teachers as one: each calibrated on the validation split, and the mean of what they say.

The mean of the logarithms of calibrated probabilities is what Hinton et al. 2015 (https://arxiv.org/abs/1503.02531,
section 1) call the geometric mean of an ensemble's predictions.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import datasets
import numpy as np

from ...training.arguments import RecurrentTrainingArguments
from .arguments import DistillationArguments
from .calibration import fit_temperature, log_probabilities
from .teacher import FittedTeacher, Teacher


__all__ = ["CACHE_FOLDER", "Ensemble", "spoken_for"]


logger = logging.getLogger(__name__)

# Where in `output_dir` the answers are kept.
CACHE_FOLDER = "teachers"


class Ensemble:
    """What teachers say of the rows of each split, in files of a folder.

    Args:
        teachers: At least one.
        distillation: Says where the files are, how many rows a teacher reads at once, and the temperatures.
        arguments: As [`Teacher.answers`] takes them.
        of_scores: Whether they tell a number for each item, and no label.

    Attributes:
        temperatures: The number that each teacher's logits are divided by.

    Raises:
        ValueError: `teacher_temperatures` are not one for each teacher.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        distillation: DistillationArguments,
        arguments: RecurrentTrainingArguments,
        *,
        of_scores: bool = False,
    ) -> None:
        self.teachers, self.arguments, self.of_scores = list(teachers), arguments, of_scores
        self.batch_size = distillation.teacher_batch_size
        self.folder = Path(distillation.teacher_cache or Path(arguments.output_dir or ".", CACHE_FOLDER))
        given = distillation.temperatures
        if given is not None and len(given) != len(teachers):
            raise ValueError(
                f"`teacher_temperatures`={distillation.teacher_temperatures!r} are {len(given)}; they must be one "
                f"for each of the {len(teachers)} teachers."
            )
        if given is not None and of_scores:
            raise ValueError(
                f"`teacher_temperatures`={distillation.teacher_temperatures!r} were given for scores, which have none."
            )
        self.calibrates = given is None and len(teachers) > 1 and not of_scores
        self.temperatures = [1.0] * len(teachers) if given is None else given
        self._known: dict[tuple[int, str], np.ndarray] = {}

    def of_teacher(self, index: int, split: str, rows: datasets.Dataset) -> np.ndarray:
        """What one teacher says, as it says it: logits (items, labels), NaN where it says nothing; or scores."""
        return self.teachers[index].values(self._answers(index, split, rows))

    def _answers(self, index: int, split: str, rows: datasets.Dataset) -> np.ndarray:
        if (index, split) not in self._known:
            teacher = self.teachers[index]
            name = re.sub(r"[^\w.-]+", "-", teacher.name).strip("-.")[-60:]
            path = self.folder / f"{index}-{name}-{split}.npy"
            self._known[index, split] = teacher.answers(rows, path, self.batch_size, self.arguments)
        return self._known[index, split]

    def calibrate(self, split: str, rows: datasets.Dataset, labels: np.ndarray) -> None:
        """Fit what makes logits or scores of a teacher's answers, where that is to be found; and the temperatures,
        where there are several teachers and none were given.

        Args:
            split: `"validation"`, or where there is none `"train"`: the teachers may have learnt from these rows, so
                that no temperature is fitted to them.
            rows: Those of the split.
            labels: The labels of its items, negative where an item has none; or their scores.
        """
        for index, teacher in enumerate(self.teachers):
            if isinstance(teacher, FittedTeacher):
                teacher.fit(self._answers(index, split, rows), labels)
        if not self.calibrates:
            return
        if split == "train":
            logger.warning(
                "There is no validation split to calibrate the teachers on: their logits are averaged as they are. "
                "--teacher_temperatures gives the temperatures that another run has found."
            )
            return
        for index, teacher in enumerate(self.teachers):
            if not isinstance(teacher, FittedTeacher):
                logits = self.of_teacher(index, split, rows)
                known = spoken_for(logits) & (labels >= 0)
                self.temperatures[index] = round(fit_temperature(logits[known], labels[known]), 3)
        found = ", ".join(
            f"{teacher.name} {value:g}" for teacher, value in zip(self.teachers, self.temperatures, strict=True)
        )
        logger.warning("The teachers' temperatures, fitted on the validation split: %s.", found)

    def said(self, split: str, rows: datasets.Dataset) -> np.ndarray:
        """What they say together: the mean of the calibrated logarithms of probabilities of those that say something,
        (items, labels), NaN where none does; of a single teacher its logits. Of scores their mean (items, 1).
        """
        if len(self.teachers) == 1:
            return self.of_teacher(0, split, rows) / self.temperatures[0]
        each = [self.of_teacher(index, split, rows) for index in range(len(self.teachers))]
        if not self.of_scores:
            each = [log_probabilities(*both) for both in zip(each, self.temperatures, strict=True)]
        with warnings.catch_warnings():
            # The mean of nothing is NaN, as it is meant to be.
            warnings.simplefilter("ignore", RuntimeWarning)
            return np.nanmean(each, axis=0).astype(np.float32)


def spoken_for(logits: np.ndarray) -> np.ndarray:
    """Which items a teacher says something of, (items)."""
    return ~np.isnan(logits).any(1)
