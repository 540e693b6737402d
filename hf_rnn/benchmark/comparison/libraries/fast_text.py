"""Classifiers of fastText (Joulin et al. 2017, https://aclanthology.org/E17-2068), from a .bin or .ftz file."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

from ....tasks.test_set import TestSet
from ...defaults.peers.fast_text import line_of
from .base import MeasuredLibrary


__all__ = ["PREFIX", "MeasuredFastText", "file_label"]


# Before a label in files of fastText.
PREFIX = "__label__"
# These bytes begin a file of fastText (`FASTTEXT_FILEFORMAT_MAGIC_INT32` in its fasttext.cc), little-endian.
MAGIC = (793712314).to_bytes(4, "little")
# What of a probability of 0 is taken as a logit; the library leaves out labels that are less likely than 1e-5.
LEAST = 1e-10
# One against all others, in the order of its `loss_name`: the labels of a text are independent.
ONE_AGAINST_ALL = 4


class Header(NamedTuple):
    """The numbers at the beginning of a file of fastText, by which its matrices have their sizes.

    Attributes:
        dim: Of vectors.
        loss: In the order of its `loss_name`.
        bucket: Vectors for n-grams.
        words, labels: In the dictionary.
        kept: Of the n-grams, those that a quantised model kept; -1: all.
    """

    dim: int
    loss: int
    bucket: int
    words: int
    labels: int
    kept: int

    @classmethod
    def read(cls, path: Path) -> Header:
        """Read that of a file: magic number and version, 12 arguments, a double, and the sizes of the dictionary."""
        with path.open("rb") as file:
            head = file.read(92)
        arguments = struct.unpack_from("<12i", head, 8)
        _, words, labels, _, kept = struct.unpack_from("<3i2q", head, 64)
        return cls(arguments[0], arguments[6], arguments[8], words, labels, kept)

    @property
    def parameters(self) -> int:
        """Numbers in the vectors of words and n-grams and in those of labels, before they are quantised."""
        ngrams = self.bucket if self.kept < 0 else self.kept
        return self.dim * (self.words + ngrams + self.labels)


def file_label(name: str) -> str:
    """A label as it stands in files of fastText, which end it at a space."""
    return PREFIX + "_".join(name.split())


class MeasuredFastText(MeasuredLibrary):
    """A supervised model of fastText. What `scripts/train_libraries.py` made reads texts as it was trained; any other
    model gets each text as it is, on one line.
    """

    key = "fasttext"
    title = "fastText"
    task = "text-classification"
    needs = {"fasttext": "fasttext-numpy2-wheel"}
    distributions = ("fasttext-numpy2-wheel", "fasttext-wheel", "fasttext")
    wanted = "a .bin or .ftz file that fastText has saved"
    method = (
        "fastText answers by `predict`, of many texts in one call; tokens are the words between spaces, and loading "
        "is `load_model`. Of quantised weights the parameters are those before it. "
    )

    @classmethod
    def holds_model(cls, path: Path) -> bool:
        """Whether the file begins as those of fastText do."""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC

    @classmethod
    def labels(cls, path: Path) -> list[str]:
        """The labels in the order of the training data where it is known, otherwise in that of numbers or letters."""
        import fasttext

        own = [label.removeprefix(PREFIX) for label in fasttext.load_model(str(path)).get_labels()]
        known = (cls.training(path) or {}).get("labels")
        if known is not None:
            return list(known)
        return sorted(own, key=int) if all(label.isdigit() for label in own) else sorted(own)

    @classmethod
    def read_types(cls, path: Path, test: TestSet) -> None:
        """Classes have no types of entities.

        Raises:
            ValueError: the test set has pairs or numbers.
        """
        if test.label_names is None:
            raise ValueError(
                f"`models`: {cls.key}:{path} is a classifier, and the labels of the test set are numbers."
            )
        if any(isinstance(text, dict) for text in test.inputs):
            raise ValueError(f"`models`: {cls.key}:{path} reads single texts, and `text_pair_column_name` is given.")

    def import_libraries(self) -> None:
        """Import fastText."""
        import fasttext  # noqa: F401

    def loaded(self, path: Path) -> Any:
        """The model in the file."""
        import fasttext

        self.header = Header.read(path)
        training = self.training(path) or {}
        self.separates = bool(training.get("lowercase_and_separate"))
        self.names = {file_label(name): name for name in training.get("labels") or ()}
        return fasttext.load_model(str(path))

    def figures(self) -> dict[str, Any]:
        """Parameters by the header of the file."""
        dtype = "quantised" if self.model.is_quantized() else "float32"
        return {"model_class": "FastText", "parameters": self.header.parameters, "dtype": dtype}

    def line(self, text: str) -> str:
        """A text on one line, as the model was trained to read it."""
        return line_of(text) if self.separates else " ".join(text.split())

    def answer(self, text: Any) -> None:
        """The likeliest label of one text."""
        self.model.predict(self.line(text))

    def answer_all(self, texts: list[Any]) -> None:
        """The likeliest label of each text."""
        self.model.predict([self.line(text) for text in texts])

    def count(self, text: Any) -> int:
        """The words of a text."""
        return len(self.line(text).split())

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """The logits of each text: log-probabilities, or log-odds where labels are independent."""
        said = self.model.predict([self.line(text) for text in inputs], k=-1)
        own = self.model.get_labels()
        predictions = []
        for labels, probabilities in zip(*said, strict=True):
            # Of a text without a known word it may say nothing; the first of its labels is the most frequent one.
            found = dict(zip(labels, map(float, probabilities), strict=True)) or {own[0]: 1.0}
            predictions.append({self.name_of(label): self.logit(found.get(label, 0.0)) for label in own})
        return {"predictions": predictions}

    def name_of(self, label: str) -> str:
        """The name of a label of the file."""
        return self.names.get(label, label.removeprefix(PREFIX))

    def logit(self, probability: float) -> float:
        """Give that of a probability, which the library may give as a little more than 1."""
        probability = min(max(probability, LEAST), 1.0)
        if self.header.loss != ONE_AGAINST_ALL:
            return math.log(probability)
        return math.log(probability) - math.log(max(1.0 - probability, LEAST))
