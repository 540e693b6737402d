"""Computes once what a teacher says of every row that is trained on, and a training run that learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from ...data.batches.collator import PaddingCollator
from ...kernels.threads import computing_threads
from ...models.encoding import NO_LIMIT
from ...progress import without_weight_bars
from ...training.arguments import RecurrentTrainingArguments


__all__ = [
    "Teacher",
]


@dataclass(frozen=True)
class Teacher:
    """Attributes:
    name: The Hub id or folder it came from.
    model, tokenizer: Those of the teacher.
    label_order: Where the labels of the student stand among those of the teacher.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    label_order: list[int]

    @classmethod
    def load(
        cls, name: str, auto_class: Any, label_names: Sequence[str], tokenizer: PreTrainedTokenizerBase
    ) -> Teacher:
        """Args:
            name: A Hub id or folder.
            auto_class: The Auto class of the task, such as `AutoModelForSequenceClassification`.
            label_names: The labels of the student, in order of their ids.
            tokenizer: Its own; of a tagger it pads on the right.

        Raises:
            ValueError: its labels are not those of the student, or its logits give no distribution over them.
        """
        with without_weight_bars():
            model = auto_class.from_pretrained(name, dtype=torch.float32).eval()
        config = model.config
        order = _label_order(name, [str(config.id2label[index]) for index in range(config.num_labels)], label_names)
        if getattr(config, "crf", False):
            raise ValueError(
                f"`teacher_name_or_path`={name!r} has a CRF, whose logits are scores of whole paths; it must be a "
                "model whose softmax gives the probability of a label, such as a BERT."
            )
        if config.problem_type not in (None, "single_label_classification"):
            raise ValueError(
                f"`teacher_name_or_path`={name!r} is of the `problem_type` {config.problem_type}; it must be "
                "single_label_classification."
            )
        return cls(name, model, tokenizer, order)

    @property
    def max_length(self) -> int | None:
        """The most tokens it reads at once; None: any number."""
        return self.tokenizer.model_max_length if self.tokenizer.model_max_length < NO_LIMIT else None

    @torch.no_grad()
    def logits(self, rows: datasets.Dataset, batch_size: int, arguments: RecurrentTrainingArguments) -> list[Any]:
        """Float32 logits of each row, in the student's order of labels: (labels), or of a tagger (tokens, labels).

        Args:
            rows: `input_ids`, other columns that its tokenizer makes, and `length`.
            batch_size: Rows that are computed at once, of similar lengths, the longest first.
            arguments: Say on which device, with how many threads, and whether a progress bar is shown.

        Raises:
            ValueError: a logit is infinite or NaN.
        """
        lengths = rows["length"][:]
        order = sorted(range(len(rows)), key=lengths.__getitem__, reverse=True)
        inputs = rows.select_columns([name for name in self.tokenizer.model_input_names if name in rows.column_names])
        collate = PaddingCollator(self.tokenizer)
        model: torch.nn.Module = self.model
        model.to(arguments.device)
        found: list[Any] = [None] * len(rows)
        with (
            computing_threads(model, arguments.torch_threads),
            logging.tqdm(total=len(rows), desc="Teacher", unit=" rows", disable=arguments.disable_tqdm) as progress,
        ):
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                batch = {name: value.to(arguments.device) for name, value in collate(inputs.select(chosen)).items()}
                logits = model(**batch).logits[..., self.label_order].float().cpu()
                if not logits.isfinite().all():
                    raise ValueError(f"`teacher_name_or_path`={self.name!r} gives logits that are not finite numbers.")
                for index, values in zip(chosen, logits.numpy(), strict=True):
                    found[index] = values if values.ndim == 1 else values[: lengths[index]].copy()
                progress.update(len(chosen))
        return found


def _label_order(name: str, teacher: list[str], student: Sequence[str]) -> list[int]:
    if sorted(teacher) != sorted(student):
        raise ValueError(
            f"`teacher_name_or_path`={name!r} has the labels {', '.join(teacher)}; they must be those of the data, "
            f"{', '.join(student)}, in any order."
        )
    return [teacher.index(label) for label in student]
