"""Learning from what a teacher says of each token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import datasets
import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    PreTrainedTokenizerBase,
)

from ...bundles import named_if_missing
from ...data.batches.tags import IGNORED_LABEL, NO_TOKEN, tokenize_tagged
from ...data.readers.sentences import TokenClassificationData, TokenDataArguments, load_sentences
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.tables.options import reading_flags
from ...metrics.tagging import TaggingMetric, TokenAccuracyMetric
from ...models.modeling_rnn import RecurrentForTokenClassification
from ...training.arguments import RecurrentTrainingArguments
from ...training.distillation_trainer import TaggedDistillationCollator, tag_log_probabilities
from ..arguments import ModelArguments, WordArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.cache import Questions
from ..distillation.calibration import FLOOR
from ..distillation.ensemble import Ensemble
from ..distillation.learning import distilled, naming, taught_splits, teacher_of, teachers_beside, with_labels
from ..distillation.teacher import ARGUMENT, CheckpointTeacher, load_classifier, teacher_folder
from ..run import TrainingTask
from .building import tagger_tokenizer
from .trainer import TaggingDistillationTrainer


__all__ = ["TagTeacher", "distil_sentences", "with_unlabelled_sentences"]


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
    """`task`, learning from the teachers as well: at the first piece of each token what they say at the first of their
    own pieces, and nothing elsewhere nor of a token that the tokenizers of all of them drop.

    Args:
        data, tokenized: As in [`distil_texts`]; `tokenized` by `tokenize_tagged`.

    Raises:
        ValueError: as [`distil_texts`].
    """
    teacher_of(task, distillation)
    teachers = [TagTeacher(name, data.label_names) for name in distillation.teachers]
    ensemble = Ensemble(teachers, distillation, arguments)
    split = "validation" if "validation" in data.splits else "train"
    ensemble.calibrate(split, data.splits[split], _tags_of_tokens(data.splits[split], len(data.label_names)))
    rows, logits = [], []
    for split in taught_splits(data.splits):
        of_tokens = _by_sentence(ensemble.said(split, data.splits[split]), data.splits[split])
        part = tokenized[split]
        for sentence, token in zip(part["sentence"][:], part["token"][:], strict=True):
            logits.append(_at_pieces(of_tokens[sentence], np.array(token, dtype=np.int64)))
        unlabelled = split == UNLABELLED_SPLIT
        labels = [[IGNORED_LABEL] * len(ids) if unlabelled else ids for ids in part["labels"][:]]
        rows.append(with_labels(part.remove_columns(["token", "sentence"]), labels))
    own_tokenizer = cast(PreTrainedTokenizerBase, task.tokenizer)
    collator = TaggedDistillationCollator(own_tokenizer, label_padding=IGNORED_LABEL)
    flat = [values.ravel() for values in logits]
    taught = distilled(task, datasets.concatenate_datasets(rows), flat, distillation, {"data_collator": collator})
    beside = teachers_beside(ensemble, data.splits, partial(_figures, data))
    return replace(taught, trainer_class=TaggingDistillationTrainer, baselines=(*task.baselines, *beside))


class TagTeacher(CheckpointTeacher):
    """A tagger. Of one with a CRF, whose logits are scores of whole paths, the logits are the logarithms of the
    marginal probabilities (Wang et al. 2020, https://arxiv.org/abs/2004.03846, section 3.2).

    Args:
        name: A Hub id or folder.
        label_names: The labels of the student, in order of their ids.

    Raises:
        ValueError: as [`load_classifier`].
    """

    def __init__(self, name: str, label_names: Sequence[str]) -> None:
        folder = teacher_folder(name)
        with named_if_missing(folder, ARGUMENT, name):
            tokenizer = tagger_tokenizer(WordArguments(tokenizer_name_or_path=folder), ModelArguments(), [])
        model, order = load_classifier(name, AutoModelForTokenClassification, label_names)
        super().__init__(name, tokenizer, model, order)
        self.label_names = list(label_names)

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a token is an item, one sentence after the other."""
        plain = rows.select_columns(["tokens"])
        plain = plain.add_column("tags", [[0] * len(tokens) for tokens in plain["tokens"][:]])
        read = tokenize_tagged(plain, self.tokenizer, max_length=self.max_length, label_names=self.label_names)
        starts = _starts(rows)
        places = [
            starts[sentence] + np.array([place for place in token if place != NO_TOKEN], dtype=np.int64)
            for sentence, token in zip(read["sentence"][:], read["token"][:], strict=True)
        ]
        return Questions(read, places, int(starts[-1]))

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """See [`CheckpointTeacher.logits`]."""
        if not isinstance(self.model, RecurrentForTokenClassification):
            return super().logits(batch)
        # A tokenizer of BERT's kind also gives `token_type_ids`.
        found = tag_log_probabilities(self.model, batch["input_ids"], batch.get("attention_mask"))
        return found.clamp(min=FLOOR)

    def picked(self, logits: torch.Tensor, rows: datasets.Dataset) -> list[np.ndarray]:
        """See [`CheckpointTeacher.picked`]: those at the first piece of each token."""
        found = []
        # `tagger_tokenizer` pads on the right, whatever side the checkpoint names.
        for values, token in zip(logits.numpy(), rows["token"][:], strict=True):
            found.append(values[: len(token)][np.array(token) != NO_TOKEN])
        return found


def _starts(rows: datasets.Dataset) -> np.ndarray:
    """The first token of each sentence, and their number at the end, (sentences + 1)."""
    return np.cumsum([0, *map(len, rows["tokens"][:])])


def _by_sentence(of_tokens: np.ndarray, rows: datasets.Dataset) -> list[np.ndarray]:
    return np.split(of_tokens, _starts(rows)[1:-1]) if len(rows) else []


def _tags_of_tokens(rows: datasets.Dataset, num_labels: int) -> np.ndarray:
    """The tag of every token, (tokens); -1 for one that is none of the student's labels."""
    tags = np.array([tag for sentence in rows["tags"][:] for tag in sentence], dtype=np.int64)
    return np.where(tags < num_labels, tags, -1)


def _figures(data: TokenClassificationData, said: np.ndarray, split: str) -> dict[str, float]:
    """What the likeliest tag of each token is worth."""
    rows, names = data.splits[split], data.tag_names
    predicted = [[names[tag] for tag in values.argmax(1)] for values in _by_sentence(said, rows)]
    references = [[names[tag] for tag in tags] for tags in rows["tags"][:]]
    metric = TaggingMetric() if data.is_entities else TokenAccuracyMetric()
    return metric.compute(predictions=predicted, references=references)


def _at_pieces(of_tokens: np.ndarray, token: np.ndarray) -> np.ndarray:
    """(tokens, labels) to (pieces, labels), NaN where `token` (pieces) names none."""
    placed = np.full((len(token), of_tokens.shape[1]), np.nan, dtype=np.float32)
    placed[token != NO_TOKEN] = of_tokens[token[token != NO_TOKEN]]
    return placed
