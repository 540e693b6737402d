"""Learning from what teachers say of pairs of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    EvalPrediction,
    PreTrainedTokenizerBase,
)

from ...bundles import named_if_missing
from ...checksums import check_source
from ...data.batches.pair_collator import PairCollator
from ...data.batches.pairs import tokenize_pairs
from ...data.batches.tags import IGNORED_LABEL
from ...data.batches.texts import tokenize_dataset
from ...data.readers.pairs import PairData, PairDataArguments, load_pairs
from ...data.readers.sources import UNLABELLED_SPLIT
from ...data.readers.tables.options import reading_flags
from ...metrics.classification import metrics_for
from ...metrics.pairs import pair_figures
from ...models.configuration_siamese import SiameseConfig
from ...models.similarity import pairwise
from ...training.arguments import RecurrentTrainingArguments
from ..arguments import ModelArguments
from ..distillation.arguments import DistillationArguments
from ..distillation.cache import Questions
from ..distillation.calibration import fit_line, fit_odds
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
from ..distillation.teacher import ARGUMENT, CheckpointTeacher, Teacher, teacher_folder, teacher_tokenizer
from ..run import TrainingTask
from .arguments import SimilarityArguments
from .building import LABEL_NAMES, build_siamese
from .trainer import PairDistillationTrainer


__all__ = [
    "ClassifyingTeacher",
    "ComparingTeacher",
    "distil_pairs",
    "load_pair_teacher",
    "with_unlabelled",
    "with_unlabelled_pairs",
]


# The kinds of pairs that a teacher has something to say of.
KINDS = ("labels", "scores", "classes")
# What transformers calls two labels that were never given names.
UNNAMED = ("LABEL_0", "LABEL_1")


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


def load_pair_teacher(name: str, data: PairData) -> Teacher:
    """The teacher of pairs that is named: a classifier of pairs, one of texts that reads both as one, a siamese
    network, or an encoder of single texts, such as those of sentence-transformers.

    Raises:
        ValueError: its labels are not those of the student; or it reads both texts as one, and the pairs have scores.
    """
    folder = teacher_folder(name)
    check_source(folder)
    with named_if_missing(folder, ARGUMENT, name):
        config = AutoConfig.from_pretrained(folder)
    classifies = any("Classification" in str(each) for each in getattr(config, "architectures", None) or [])
    siamese = config.model_type == SiameseConfig.model_type
    if classifies and data.kind == "scores" and not siamese:
        raise ValueError(
            f"`teacher_name_or_path`={name!r} reads both texts as one, and the pairs have scores; of these it must be "
            "a siamese network, or an encoder of single texts."
        )
    if not classifies or data.kind == "scores":
        return ComparingTeacher(name, data.kind)
    names = data.label_names or LABEL_NAMES
    if data.label_names is None and [*config.id2label.values()] == [*UNNAMED]:
        # Its numbers are those of the data, 0 and 1.
        names = UNNAMED
    return ClassifyingTeacher(name, names, siamese)


class ClassifyingTeacher(CheckpointTeacher):
    """A classifier of pairs: ours, or one of texts that reads both as one, as BERT does (Devlin et al. 2019).

    Args:
        name: A Hub id or folder.
        label_names: The labels of the student, in order of their ids.
        siamese: Whether it is one of ours.
    """

    def __init__(self, name: str, label_names: Sequence[str], siamese: bool) -> None:
        super().__init__(name, AutoModelForSequenceClassification, label_names, teacher_tokenizer(name))
        self.siamese = siamese

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a pair is an item."""
        return _questions(rows, self.tokenizer, self.max_length, self.siamese)

    def collator(self) -> Any:
        """See [`CheckpointTeacher.collator`]."""
        return PairCollator(self.tokenizer) if self.siamese else super().collator()


class ComparingTeacher(CheckpointTeacher):
    """A siamese network, or an encoder of single texts, whose similarity becomes log-odds or a score by a line that is
    fitted to labels; or a network that tells a score.

    Args:
        name: A Hub id or folder.
        kind: What the labels are: `"labels"`, 1 for texts that are alike and 0 for others, or `"scores"`, from 0 to 1.

    Raises:
        ValueError: pairs have classes, which no similarity tells apart.
    """

    fits = True

    def __init__(self, name: str, kind: str) -> None:
        if kind not in ("labels", "scores"):
            raise ValueError(
                f"`teacher_name_or_path`={name!r} compares texts, and the pairs have classes, which a similarity does "
                "not tell apart; it must be a classifier of pairs."
            )
        self.name, self.kind = name, kind
        folder = teacher_folder(name)
        self.tokenizer = teacher_tokenizer(name)
        config = AutoConfig.from_pretrained(folder)
        self.regresses = getattr(config, "problem_type", None) == "regression" and config.num_labels == 1
        loss = "regression" if self.regresses else None
        self.model = build_siamese(
            ModelArguments(model_name_or_path=folder), SimilarityArguments(loss), self.tokenizer
        )
        self.model.eval()
        self.order = [0] if self.regresses else list(range(self.model.config.output_size))
        self.line = (1.0, 0.0)

    def answers(
        self, rows: datasets.Dataset, path: Path, batch_size: int, arguments: RecurrentTrainingArguments
    ) -> np.ndarray:
        """See [`Teacher.answers`]: the similarity of each pair, or its score, (pairs, 1). A text that is in several
        pairs is read once.
        """
        if self.regresses:
            return super().answers(rows, path, batch_size, arguments)
        texts = list(dict.fromkeys(chain(rows["text"][:], rows["text_b"][:])))
        place = {text: index for index, text in enumerate(texts)}
        vectors = super().answers(datasets.Dataset.from_dict({"text": texts}), path, batch_size, arguments)
        first, second = ([place[text] for text in rows[name][:]] for name in ("text", "text_b"))
        a, b = torch.from_numpy(vectors[first]), torch.from_numpy(vectors[second])
        return pairwise(a, b, self.model.config.similarity).unsqueeze(1).numpy()

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a text is an item, or where it tells scores a pair."""
        if self.regresses:
            return _questions(rows, self.tokenizer, self.max_length, True)
        read = tokenize_dataset(rows, self.tokenizer, max_length=self.max_length)
        return Questions(read, list(np.arange(len(rows))[:, None]), len(rows))

    def collator(self) -> Any:
        """See [`CheckpointTeacher.collator`]."""
        return PairCollator(self.tokenizer) if self.regresses else super().collator()

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The score of each pair, (pairs, 1), or the vector of each text, (texts, features)."""
        outputs = self.model(**batch)
        return outputs.logits.reshape(-1, 1) if self.regresses else outputs.embeddings

    def fit(self, raw: np.ndarray, labels: np.ndarray) -> None:
        """See [`Teacher.fit`].

        Raises:
            ValueError: all labels are the same.
        """
        if self.kind == "labels" and len(np.unique(labels)) < 2:
            raise ValueError(
                f"`teacher_name_or_path`={self.name!r} compares texts, and the {len(labels)} labelled pairs that its "
                "similarity is fitted to have the same label; both labels must occur."
            )
        self.line = (fit_odds if self.kind == "labels" else fit_line)(raw[:, 0], labels)

    def values(self, raw: np.ndarray) -> np.ndarray:
        """See [`Teacher.values`]: log-odds as logits (pairs, 2), or scores (pairs, 1)."""
        slope, intercept = self.line
        found = slope * raw + intercept
        return found.clip(0, 1) if self.kind == "scores" else np.concatenate([np.zeros_like(found), found], axis=1)


def _questions(
    rows: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None, alone: bool
) -> Questions:
    """Tokenise each text of the pairs by itself, or both as one."""
    if alone:
        pairs = rows.select_columns(["text", "text_b"]).add_column("label", [0.0] * len(rows))
        read = tokenize_pairs(pairs, tokenizer, max_length=max_length).remove_columns("labels")
    else:
        encoded = tokenizer(rows["text"][:], rows["text_b"][:], truncation=max_length is not None)
        read = datasets.Dataset.from_dict({**encoded, "length": list(map(len, encoded["input_ids"]))})
    return Questions(read, list(np.arange(len(rows))[:, None]), len(rows))


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
