"""Learning from what a teacher says of each token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import datasets
import numpy as np
from transformers import (
    AutoModelForTokenClassification,
    PreTrainedTokenizerBase,
)

from ...data.batches.tags import IGNORED_LABEL, NO_TOKEN, tokenize_tagged
from ...data.readers.sentences import TokenClassificationData, TokenDataArguments, load_sentences
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.tables.options import reading_flags
from ...training.arguments import RecurrentTrainingArguments
from ...training.distillation_trainer import TaggedDistillationCollator
from ..arguments import ModelArguments, WordArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.learning import distilled, naming, teacher_of, trained_on, with_labels
from ..distillation.teacher import Teacher
from ..run import TrainingTask
from .building import tagger_tokenizer
from .trainer import TaggingDistillationTrainer


__all__ = ["distil_sentences", "with_unlabelled_sentences"]


def with_unlabelled_sentences(
    data: TokenClassificationData, arguments: TokenDataArguments, distillation: DistillationArguments
) -> TokenClassificationData:
    """`data` with a further split `unlabelled`, its tags all the first one, if `unlabelled_file` was given.

    Raises:
        FileNotFoundError, ValueError: of the file, which the message names.
    """
    if distillation.unlabelled_file is None:
        return data
    if distillation.teacher_name_or_path is None:
        raise ValueError(
            f"`unlabelled_file`={distillation.unlabelled_file!r} needs a `teacher_name_or_path` to say what is in it."
        )
    with naming(distillation.unlabelled_file):
        sentences = load_sentences(
            TokenDataArguments(
                train_file=distillation.unlabelled_file,
                text_column_name=arguments.text_column_name,
                label_column_name=arguments.label_column_name,
                token_column=arguments.token_column,
                tag_column=arguments.tag_column,
                sentence_column=arguments.sentence_column,
                task_name=arguments.task_name,
                **reading_flags(arguments),
            )
        )
    columns = {"tokens": sentences, "tags": [[0] * len(tokens) for tokens in sentences]}
    rows = datasets.Dataset.from_dict(columns, features=data.splits["train"].features)
    return replace(data, splits=datasets.DatasetDict({**data.splits, UNLABELLED_SPLIT: rows}))


def distil_sentences(
    task: TrainingTask,
    data: TokenClassificationData,
    tokenized: dict[str, datasets.Dataset],
    distillation: DistillationArguments,
    arguments: RecurrentTrainingArguments,
) -> TrainingTask:
    """`task`, learning from the teacher as well: at the first piece of each token what the teacher says at the first
    of its own pieces, and nothing elsewhere nor of a token that the teacher's tokenizer drops.

    Args:
        data, tokenized: As in [`distil_texts`]; `tokenized` by `tokenize_tagged`.

    Raises:
        ValueError: as [`distil_texts`].
    """
    _, name = teacher_of(task, distillation)
    tokenizer = tagger_tokenizer(WordArguments(tokenizer_name_or_path=name), ModelArguments(), [])
    teacher = Teacher.load(name, AutoModelForTokenClassification, data.label_names, tokenizer)
    sentences = datasets.concatenate_datasets(trained_on(data.splits))
    read = tokenize_tagged(sentences, teacher.tokenizer, max_length=teacher.max_length, label_names=data.label_names)
    of_pieces = teacher.logits(read, distillation.teacher_batch_size, arguments)
    of_tokens = _of_tokens(of_pieces, read, [len(tokens) for tokens in sentences["tokens"][:]], len(data.label_names))
    rows, logits, before = [], [], 0
    for split, part in zip(trained_on(data.splits), trained_on(tokenized), strict=True):
        for sentence, token in zip(part["sentence"][:], part["token"][:], strict=True):
            logits.append(_at_pieces(of_tokens[before + sentence], np.array(token, dtype=np.int64)).ravel())
        unlabelled = part is tokenized.get(UNLABELLED_SPLIT)
        labels = [[IGNORED_LABEL] * len(ids) if unlabelled else ids for ids in part["labels"][:]]
        rows.append(with_labels(part.remove_columns(["token", "sentence"]), labels))
        before += len(split)
    own_tokenizer = cast(PreTrainedTokenizerBase, task.tokenizer)
    collator = TaggedDistillationCollator(own_tokenizer, label_padding=IGNORED_LABEL)
    taught = distilled(task, datasets.concatenate_datasets(rows), logits, distillation, {"data_collator": collator})
    return replace(taught, trainer_class=TaggingDistillationTrainer)


def _of_tokens(of_pieces: list[Any], read: datasets.Dataset, lengths: list[int], num_labels: int) -> list[Any]:
    """Give what the teacher says of each sentence's tokens (tokens, labels), NaN where it has not seen one."""
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
