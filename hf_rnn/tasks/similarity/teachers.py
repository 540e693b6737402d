"""The teachers of pairs: classifiers of pairs, networks that score them, and those that compare vectors of texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerBase

from ...bundles import named_if_missing
from ...checksums import check_source
from ...data.batches.pair_collator import PairCollator
from ...data.batches.pairs import tokenize_pairs
from ...data.batches.texts import tokenize_dataset
from ...data.readers.pairs import PairData
from ...models.configuration_siamese import SiameseConfig
from ...models.modeling_siamese import SiameseForPairClassification
from ...models.similarity import pairwise
from ...progress import without_weight_bars
from ...training.arguments import RecurrentTrainingArguments
from ..arguments import ModelArguments
from ..distillation.cache import Questions
from ..distillation.calibration import fit_line, fit_odds
from ..distillation.teacher import (
    ARGUMENT,
    CheckpointTeacher,
    FittedTeacher,
    Teacher,
    load_classifier,
    teacher_folder,
    teacher_tokenizer,
)
from .arguments import SimilarityArguments
from .building import LABEL_NAMES, build_siamese


__all__ = ["ClassifyingTeacher", "ComparingTeacher", "ScoringTeacher", "load_pair_teacher"]


# What transformers calls two labels that were never given names.
UNNAMED = ("LABEL_0", "LABEL_1")


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
    if classifies and data.kind == "scores" and config.problem_type == "regression":
        return ScoringTeacher(name)
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
        model, order = load_classifier(name, AutoModelForSequenceClassification, label_names)
        super().__init__(name, teacher_tokenizer(name), model, order)
        self.siamese = siamese

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a pair is an item."""
        if self.siamese:
            return _of_pairs(rows, self.tokenizer, self.max_length)
        limited = self.max_length is not None
        encoded = self.tokenizer(rows["text"][:], rows["text_b"][:], truncation=limited)
        lengths = list(map(len, encoded["input_ids"]))
        return _each_an_item(datasets.Dataset.from_dict({**encoded, "length": lengths}))

    def collator(self) -> Any:
        """See [`CheckpointTeacher.collator`]."""
        return PairCollator(self.tokenizer) if self.siamese else super().collator()


class ScoringTeacher(CheckpointTeacher, FittedTeacher):
    """A network of pairs that tells a score, brought to that of the data by a line that is fitted to scores.

    Args:
        name: A Hub id or folder.
    """

    def __init__(self, name: str) -> None:
        with without_weight_bars():
            model = SiameseForPairClassification.from_pretrained(teacher_folder(name), dtype=torch.float32)
        super().__init__(name, teacher_tokenizer(name), model, [0])
        self.line = (1.0, 0.0)

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a pair is an item."""
        return _of_pairs(rows, self.tokenizer, self.max_length)

    def collator(self) -> Any:
        """See [`CheckpointTeacher.collator`]."""
        return PairCollator(self.tokenizer)

    def fit(self, raw: np.ndarray, labels: np.ndarray) -> None:
        """See [`FittedTeacher.fit`]."""
        self.line = fit_line(raw[:, 0], labels)

    def values(self, raw: np.ndarray) -> np.ndarray:
        """See [`Teacher.values`]: scores (pairs, 1), from 0 to 1."""
        return (self.line[0] * raw + self.line[1]).clip(0, 1)


class ComparingTeacher(CheckpointTeacher, FittedTeacher):
    """A siamese network, or an encoder of single texts, whose similarity becomes log-odds or a score by a line that is
    fitted to labels.

    Args:
        name: A Hub id or folder.
        kind: What the labels are: `"labels"`, 1 for texts that are alike and 0 for others, or `"scores"`, from 0 to 1.

    Raises:
        ValueError: pairs have classes, which no similarity tells apart.
    """

    def __init__(self, name: str, kind: str) -> None:
        if kind not in ("labels", "scores"):
            raise ValueError(
                f"`teacher_name_or_path`={name!r} compares texts, and the pairs have classes, which a similarity does "
                "not tell apart; it must be a classifier of pairs."
            )
        tokenizer = teacher_tokenizer(name)
        given = ModelArguments(model_name_or_path=teacher_folder(name))
        model = build_siamese(given, SimilarityArguments(), tokenizer)
        super().__init__(name, tokenizer, model, list(range(model.config.output_size)))
        self.kind, self.line = kind, (1.0, 0.0)

    def answers(
        self, rows: datasets.Dataset, path: Path, batch_size: int, arguments: RecurrentTrainingArguments
    ) -> np.ndarray:
        """See [`Teacher.answers`]: the similarity of each pair, (pairs, 1). A text that is in several pairs is read
        once.
        """
        texts = list(dict.fromkeys(chain(rows["text"][:], rows["text_b"][:])))
        place = {text: index for index, text in enumerate(texts)}
        vectors = super().answers(datasets.Dataset.from_dict({"text": texts}), path, batch_size, arguments)
        first, second = ([place[text] for text in rows[name][:]] for name in ("text", "text_b"))
        a, b = torch.from_numpy(vectors[first]), torch.from_numpy(vectors[second])
        return pairwise(a, b, self.model.config.similarity).unsqueeze(1).numpy()

    def questions(self, rows: datasets.Dataset) -> Questions:
        """See [`CheckpointTeacher.questions`]; a text is an item."""
        return _each_an_item(tokenize_dataset(rows, self.tokenizer, max_length=self.max_length))

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """See [`CheckpointTeacher.logits`]: the vector of each text, (texts, features)."""
        vectors: torch.Tensor = self.model(**batch).embeddings
        return vectors

    def fit(self, raw: np.ndarray, labels: np.ndarray) -> None:
        """See [`FittedTeacher.fit`].

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


def _of_pairs(rows: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int | None) -> Questions:
    """Tokenise each text of the pairs by itself."""
    pairs = rows.select_columns(["text", "text_b"]).add_column("label", [0.0] * len(rows))
    return _each_an_item(tokenize_pairs(pairs, tokenizer, max_length=max_length).remove_columns("labels"))


def _each_an_item(read: datasets.Dataset) -> Questions:
    return Questions(read, list(np.arange(len(read))[:, None]), len(read))
