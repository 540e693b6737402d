"""Whether a run learns from a teacher, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ...bundles import checkpoint_folder
from ...data.readers.sources import comma_separated


__all__ = ["DistillationArguments"]


@dataclass
class DistillationArguments:
    """The trained models to learn from, beside the labels or in place of them."""

    teacher_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "Learn also from these trained models, which must have the labels of the data: Hub ids, folders "
            "or bundled:NAME, separated by commas. For texts, a .parquet file with columns text and teacher_logits "
            "is possible, too. Several teachers are calibrated on the validation split and averaged. Default: no "
            "teacher."
        },
    )
    distillation_temperature: float = field(
        default=2.0,
        metadata={
            "help": "Divide the logits of teacher and student by this number before they are compared; a number above "
            "1 softens them."
        },
    )
    distillation_weight: float = field(
        default=0.5,
        metadata={"help": "Share of the teacher in the loss: 0 uses only the labels, 1 uses only the teacher."},
    )
    unlabelled_file: str | None = field(
        default=None,
        metadata={
            "help": "File of further rows without labels, which are learnt from the teacher alone; it is read like "
            "`train_file`. Texts need no teacher if a column `teacher_logits` holds its logits: in each row a list "
            "of numbers, in the order of the labels. Default: none."
        },
    )
    teacher_temperatures: str | None = field(
        default=None,
        metadata={
            "help": "Temperatures of the teachers, separated by commas: each teacher's logits are divided by its "
            "number before they are averaged. Default: for several teachers, fitted on the validation split; for a "
            "single one 1."
        },
    )
    teacher_cache: str | None = field(
        default=None,
        metadata={
            "help": "Folder that keeps the outputs of the teachers, so that they are computed once. Default: "
            "teachers in `output_dir`."
        },
    )
    teacher_batch_size: int = field(default=32, metadata={"help": "Number of rows that the teacher reads at once."})

    def __post_init__(self) -> None:
        if not (math.isfinite(self.distillation_temperature) and self.distillation_temperature > 0):
            raise ValueError(
                f"`distillation_temperature`={self.distillation_temperature} must be a finite number above 0."
            )
        if not 0 <= self.distillation_weight <= 1:
            raise ValueError(f"`distillation_weight`={self.distillation_weight} must be from 0 to 1.")
        if self.teacher_batch_size < 1:
            raise ValueError(f"`teacher_batch_size`={self.teacher_batch_size} must be at least 1.")
        if self.unlabelled_file is not None and self.distillation_weight == 0:
            raise ValueError(
                f"`unlabelled_file`={self.unlabelled_file!r} teaches nothing with `distillation_weight`=0; it must be "
                "above 0."
            )
        if self.teacher_name_or_path is not None:
            # A bundled checkpoint that is not there, or not installed, is refused before anything is read.
            for name in self.teachers:
                checkpoint_folder(name, "teacher_name_or_path")
        if self.temperatures is not None and self.teacher_name_or_path is None:
            raise ValueError(
                f"`teacher_temperatures`={self.teacher_temperatures!r} need a `teacher_name_or_path` to belong to."
            )

    @property
    def teachers(self) -> list[str]:
        """The names in `teacher_name_or_path`."""
        return comma_separated(self.teacher_name_or_path, "teacher_name_or_path") or []

    @property
    def temperatures(self) -> list[float] | None:
        """The numbers in `teacher_temperatures`; None: they are to be found.

        Raises:
            ValueError: one is not a finite number above 0.
        """
        if self.teacher_temperatures is None:
            return None
        try:
            found = [float(value) for value in self.teacher_temperatures.split(",")]
        except ValueError:
            found = []
        if not found or not all(math.isfinite(value) and value > 0 for value in found):
            raise ValueError(
                f"`teacher_temperatures`={self.teacher_temperatures!r} must be finite numbers above 0, separated by "
                "commas, one for each teacher."
            )
        return found

    @property
    def teaches(self) -> bool:
        """Whether there is anything to learn from beside the labels."""
        return self.teacher_name_or_path is not None or self.unlabelled_file is not None
