"""What a teacher says of every row that is trained on, computed once, and a training run that learns from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import datasets
import numpy as np
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from ..data.alignment import IGNORED_LABEL, NO_TOKEN, tokenize_tagged
from ..data.collator import PaddingCollator
from ..data.files import read_rows
from ..data.readers import DataArguments, TextClassificationData, load_texts
from ..data.sources import UNLABELLED_SPLIT
from ..data.token_readers import TokenClassificationData, TokenDataArguments, load_sentences
from ..data.truncation import tokenize_dataset
from ..models.modeling_rnn import RecurrentPreTrainedModel
from ..progress import without_weight_bars
from .arguments import ModelArguments, RecurrentTrainingArguments, TokenizerArguments, WordArguments
from .distillation import TEACHER_LOGITS, DistillationArguments, DistillationTrainer, TaggedDistillationCollator
from .run import TrainingTask
from .tagger import tagger_tokenizer
from .threads import computing_threads


@dataclass(frozen=True)
class Teacher:
    """
    Attributes:
        name: The Hub id or folder it came from.
        model, tokenizer: Of the teacher.
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
        """
        Args:
            name: A Hub id or folder.
            auto_class: Of the task, such as `AutoModelForSequenceClassification`.
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
        # A tokenizer without a limit says so by a number of thirty digits.
        return self.tokenizer.model_max_length if self.tokenizer.model_max_length < 10**9 else None

    @torch.no_grad()
    def logits(self, rows: datasets.Dataset, batch_size: int, arguments: RecurrentTrainingArguments) -> list[Any]:
        """
        Float32 logits of each row, in the student's order of labels: (labels), or of a tagger (tokens, labels).

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


@contextmanager
def _naming(unlabelled_file: str) -> Iterator[None]:
    # The readers speak of a training file.
    try:
        yield
    except ValueError as error:
        raise ValueError(f"`unlabelled_file`={unlabelled_file!r}: {error}") from error


def load_unlabelled_texts(unlabelled_file: str, arguments: DataArguments) -> list[str]:
    """
    The texts of all rows of a file that is read as `arguments` say of the training data.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    with _naming(unlabelled_file):
        return load_texts(
            DataArguments(
                train_file=unlabelled_file,
                text_column_names=arguments.text_column_names,
                text_column_delimiter=arguments.text_column_delimiter,
                label_column_name=arguments.label_column_name,
            )
        )


def with_unlabelled_texts(
    data: TextClassificationData, arguments: DataArguments, distillation: DistillationArguments
) -> TextClassificationData:
    """
    `data` with a further split `unlabelled`, of the column `text`, if `unlabelled_file` was given; without a teacher
    also of the column `teacher_logits`, which the file then has.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    if distillation.unlabelled_file is None:
        return data
    texts = load_unlabelled_texts(distillation.unlabelled_file, arguments)
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


def with_unlabelled_sentences(
    data: TokenClassificationData, arguments: TokenDataArguments, distillation: DistillationArguments
) -> TokenClassificationData:
    """
    `data` with a further split `unlabelled`, its tags all the first one, if `unlabelled_file` was given.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    if distillation.unlabelled_file is None:
        return data
    if distillation.teacher_name_or_path is None:
        raise ValueError(
            f"`unlabelled_file`={distillation.unlabelled_file!r} needs a `teacher_name_or_path` to say what is in it."
        )
    with _naming(distillation.unlabelled_file):
        sentences = load_sentences(
            TokenDataArguments(
                train_file=distillation.unlabelled_file,
                text_column_name=arguments.text_column_name,
                label_column_name=arguments.label_column_name,
                task_name=arguments.task_name,
            )
        )
    columns = {"tokens": sentences, "tags": [[0] * len(tokens) for tokens in sentences]}
    rows = datasets.Dataset.from_dict(columns, features=data.splits["train"].features)
    return replace(data, splits=datasets.DatasetDict({**data.splits, UNLABELLED_SPLIT: rows}))


def distil_texts(
    task: TrainingTask,
    data: TextClassificationData,
    tokenized: dict[str, datasets.Dataset],
    distillation: DistillationArguments,
    arguments: RecurrentTrainingArguments,
    tokenizer_arguments: TokenizerArguments,
) -> TrainingTask:
    """
    `task`, learning from the teacher as well; without one from what the unlabelled texts come with, and of the others
    from their labels alone.

    Args:
        data: With the split `unlabelled`, if there are such texts.
        tokenized: The same splits as the student reads them.
        tokenizer_arguments: Their `truncation` says what the teacher reads of a text that is longer than its limit.

    Raises:
        ValueError: the student or the teacher is of the wrong kind, or their labels differ.
    """
    argument, name = _teacher_of(task, distillation)
    if data.problem_type != "single_label_classification" or data.label_names is None:
        raise ValueError(
            f"`{argument}`={name!r} was given for a {data.problem_type}; it must be single_label_classification."
        )
    rows = [
        _with_labels(part, part["labels"][:] if "labels" in part.column_names else [IGNORED_LABEL] * len(part))
        for part in _trained_on(tokenized)
    ]
    if distillation.teacher_name_or_path is None:
        unknown = [[math.nan] * len(data.label_names)] * len(data.splits["train"])
        logits: list[Any] = [*unknown, *data.splits[UNLABELLED_SPLIT][TEACHER_LOGITS][:]]
        return _distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {})
    tokenizer = AutoTokenizer.from_pretrained(name)
    teacher = Teacher.load(name, AutoModelForSequenceClassification, data.label_names, tokenizer)
    texts = datasets.concatenate_datasets([rows.select_columns("text") for rows in _trained_on(data.splits)])
    read = tokenize_dataset(
        texts,
        teacher.tokenizer,
        max_length=teacher.max_length,
        side=tokenizer_arguments.truncation,  # type: ignore[arg-type]
    )
    logits = teacher.logits(read, distillation.teacher_batch_size, arguments)
    return _distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {})


def distil_sentences(
    task: TrainingTask,
    data: TokenClassificationData,
    tokenized: dict[str, datasets.Dataset],
    distillation: DistillationArguments,
    arguments: RecurrentTrainingArguments,
) -> TrainingTask:
    """
    `task`, learning from the teacher as well: at the first piece of each token what the teacher says at the first of
    its own pieces, and nothing elsewhere nor of a token that the teacher's tokenizer drops.

    Args:
        data, tokenized: As in [`distil_texts`]; `tokenized` by `tokenize_tagged`.

    Raises:
        ValueError: as [`distil_texts`].
    """
    _, name = _teacher_of(task, distillation)
    tokenizer = tagger_tokenizer(WordArguments(tokenizer_name_or_path=name), ModelArguments(), [])
    teacher = Teacher.load(name, AutoModelForTokenClassification, data.label_names, tokenizer)
    sentences = datasets.concatenate_datasets(_trained_on(data.splits))
    read = tokenize_tagged(sentences, teacher.tokenizer, max_length=teacher.max_length, label_names=data.label_names)
    of_pieces = teacher.logits(read, distillation.teacher_batch_size, arguments)
    of_tokens = _of_tokens(of_pieces, read, [len(tokens) for tokens in sentences["tokens"][:]], len(data.label_names))
    rows, logits, before = [], [], 0
    for split, part in zip(_trained_on(data.splits), _trained_on(tokenized), strict=True):
        for sentence, token in zip(part["sentence"][:], part["token"][:], strict=True):
            logits.append(_at_pieces(of_tokens[before + sentence], np.array(token, dtype=np.int64)).ravel())
        unlabelled = part is tokenized.get(UNLABELLED_SPLIT)
        labels = [[IGNORED_LABEL] * len(ids) if unlabelled else ids for ids in part["labels"][:]]
        rows.append(_with_labels(part.remove_columns(["token", "sentence"]), labels))
        before += len(split)
    own_tokenizer = cast(PreTrainedTokenizerBase, task.tokenizer)
    collator = TaggedDistillationCollator(own_tokenizer, label_padding=IGNORED_LABEL)
    return _distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {"data_collator": collator})


def _teacher_of(task: TrainingTask, distillation: DistillationArguments) -> tuple[str, str]:
    """The argument that names what is learned from, and its value."""
    argument = "unlabelled_file" if distillation.teacher_name_or_path is None else "teacher_name_or_path"
    value = str(getattr(distillation, argument))
    if not isinstance(task.model, RecurrentPreTrainedModel):
        raise ValueError(
            f"`{argument}`={value!r} was given to train a {type(task.model).__name__}; the student must be a "
            "recurrent model."
        )
    return argument, value


def _trained_on(splits: Any) -> list[datasets.Dataset]:
    return [splits[name] for name in ("train", UNLABELLED_SPLIT) if name in splits]


def _with_labels(rows: datasets.Dataset, labels: list[Any]) -> datasets.Dataset:
    # As plain numbers: -100 is none of a ClassLabel.
    others = rows.remove_columns("labels") if "labels" in rows.column_names else rows
    return others.add_column("labels", labels)


def _of_tokens(of_pieces: list[Any], read: datasets.Dataset, lengths: list[int], num_labels: int) -> list[Any]:
    """For each sentence what the teacher says of its tokens (tokens, labels), NaN where it has not seen one."""
    found = [np.full((length, num_labels), np.nan, dtype=np.float32) for length in lengths]
    for values, sentence, token in zip(of_pieces, read["sentence"][:], read["token"][:], strict=True):
        positions = np.array(token, dtype=np.int64)
        found[sentence][positions[positions != NO_TOKEN]] = values[positions != NO_TOKEN]
    return found


def _at_pieces(of_tokens: Any, token: Any) -> Any:
    """(tokens, labels) to (pieces, labels), NaN where `token` (pieces) names none."""
    placed = np.full((len(token), of_tokens.shape[1]), np.nan, dtype=np.float32)
    placed[token != NO_TOKEN] = of_tokens[token[token != NO_TOKEN]]
    return placed


def _distilled(
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


__all__ = [
    "Teacher",
    "distil_sentences",
    "distil_texts",
    "load_unlabelled_texts",
    "with_unlabelled_sentences",
    "with_unlabelled_texts",
]
