"""Has a pretrained encoder read sentences: it gives a vector for each, and a state for each of their words.

It is written to files as it is computed, so that a run that was stopped goes on from there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from ...checksums import check_source, checksum_of
from ...models.modeling_siamese import SiameseModel
from ...progress import without_weight_bars
from ...runs.provenance import describe_machine
from ..distillation.cache import Progress, model_parts


__all__ = ["Lessons", "Teacher", "write_lessons"]


MOST_TOKENS = 96
BATCH_SIZE = 64
# Sentences whose states give the principal components.
SAMPLE = 1500


@dataclass(frozen=True)
class Lessons:
    """The answers of the teacher.

    Attributes:
        vectors: Of each sentence (sentences, dimensions), of length 1.
        states: Of each word of each sentence, one sentence after the other (words, components).
        known: Whether the teacher read the word (words); it reads no more than `MOST_TOKENS` of a sentence.
        starts: The first word of each sentence, and their number at the end (sentences + 1).
    """

    vectors: np.ndarray
    states: np.ndarray
    known: np.ndarray
    starts: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> Lessons:
        """Read them where `write_lessons` wrote them."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__dataclass_fields__))

    def centred(self) -> Lessons:
        """The same with the mean of all vectors taken off each (Mu & Viswanath 2018), again of length 1."""
        vectors = self.vectors.astype(np.float32)
        vectors -= vectors.mean(0)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return replace(self, vectors=vectors.astype(np.float16))


class Teacher:
    """A pretrained encoder whose mean state is the vector of a sentence, as sentence-transformers' models are used
    (Reimers & Gurevych 2019).

    Args:
        name: A Hub id or a folder; of a siamese network whose vectors are mean states, its encoder is the teacher.
        words: The tokenizer of the student, which says what a word is.
        layers: The layers whose mean is the state of a token; those in the middle know most of words in their context
            (Tenney et al. 2019).
        prefix: What is read before every text, as models want that are trained with it (E5, Wang et al. 2024).
    """

    def __init__(
        self, name: str, words: PreTrainedTokenizerBase, layers: Sequence[int] | None = None, prefix: str = ""
    ) -> None:
        check_source(name)
        self.tokenizer = AutoTokenizer.from_pretrained(name)
        with without_weight_bars():
            self.model = _encoder_of(name, AutoModel.from_pretrained(name, dtype=torch.float32)).eval()
        depth = self.model.config.num_hidden_layers
        self.layers = layers or range((depth + 1) // 2, depth + 1)
        self.words, self.prefix = words, prefix
        machine = describe_machine()
        self.half = bool(machine["bf16"] or machine["amx"])

    def spans(self, sentence: str) -> list[tuple[int, int]]:
        """The words of a sentence, as their first character and the one after their last."""
        splitter = self.words.backend_tokenizer.pre_tokenizer
        return [ends for _, ends in splitter.pre_tokenize_str(sentence)]

    @torch.inference_mode()
    def read(self, sentences: Sequence[str]) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """The vectors of the sentences (sentences, dimensions), and for each the states of its words (words,
        dimensions), means over their pieces, with whether the word was read (words).
        """
        batch = self.tokenizer(
            [self.prefix + sentence for sentence in sentences],
            padding=True,
            truncation=True,
            max_length=MOST_TOKENS,
            return_tensors="pt",
            return_offsets_mapping=True,
        )
        offsets = batch.pop("offset_mapping").numpy() - len(self.prefix)
        # Without matrix instructions for it, bfloat16 takes three times as long.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            outputs = self.model(**batch, output_hidden_states=True)
        mask = batch["attention_mask"].unsqueeze(2)
        mean = (outputs.last_hidden_state.float() * mask).sum(1) / mask.sum(1)
        states = torch.stack([outputs.hidden_states[layer].float() for layer in self.layers]).mean(0).numpy()
        found = [self._of_words(*each) for each in zip(sentences, states, offsets, strict=True)]
        return torch.nn.functional.normalize(mean, dim=1).numpy(), found

    def _of_words(self, sentence: str, states: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spans = self.spans(sentence)
        total, count, word = np.zeros((len(spans), states.shape[1]), np.float32), np.zeros(len(spans)), 0
        for state, (start, end) in zip(states, offsets, strict=True):
            if start == end or end <= 0:
                continue  # A special token, padding or a part of the prefix.
            while word < len(spans) - 1 and start >= spans[word][1]:
                word += 1
            total[word] += state
            count[word] += 1
        known = count > 0
        total[known] /= count[known, None]
        return total, known


def _encoder_of(name: str, model: Any) -> Any:
    """The model itself, or the encoder of a siamese network.

    Raises:
        ValueError: the vectors of the network are not the mean states of its encoder.
    """
    if not isinstance(model, SiameseModel):
        return model
    config = model.config
    if config.pooling != "mean" or config.projection_size is not None:
        raise ValueError(
            f"`teacher`={name!r} is a siamese network with the pooling {config.pooling!r} and the projection "
            f"{config.projection_size}; its vectors must be the mean states of its encoder: pooling mean, and no "
            "projection."
        )
    return model.encoder


def write_lessons(teacher: Teacher, sentences: Sequence[str], folder: Path, components: int, seed: int) -> Lessons:
    """Have the teacher read the sentences, in batches of similar length; what is done already is kept.

    Args:
        components: The principal components of the states of words that are kept.
        seed: Of the sample that they are found on, and of the order.

    Raises:
        ValueError: `folder` has the lessons of another teacher, or of other sentences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = [list(sentences), components, seed, list(teacher.layers), teacher.prefix, *model_parts(teacher.model)]
    progress = Progress(
        folder / "done.json",
        {"checksum": checksum_of(parts)},
        f"`output_dir` has lessons ({str(folder)!r}) of another `teacher`, or of other `texts`. Remove them, or name "
        "another folder.",
    )
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    batches = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
    random.Random(seed).shuffle(batches)
    if not progress.path.is_file():
        _make_files(teacher, sentences, folder, components, seed)
        progress.write(0)
    done = progress.done()
    found = Lessons(*(np.load(folder / f"{name}.npy", mmap_mode="r+") for name in Lessons.__dataclass_fields__))
    centre, directions = np.load(folder / "centre.npy"), np.load(folder / "directions.npy")
    bar = logging.tqdm(total=len(sentences), desc="Teacher", unit=" sentences")
    bar.update(sum(map(len, batches[:done])))
    for number, batch in enumerate(batches[done:], start=done + 1):
        vectors, words = teacher.read([sentences[index] for index in batch])
        found.vectors[batch] = vectors
        for index, (states, known) in zip(batch, words, strict=True):
            place = slice(found.starts[index], found.starts[index + 1])
            found.states[place], found.known[place] = (states - centre) @ directions, known
        bar.update(len(batch))
        if number == len(batches) or progress.is_due():
            for array in (found.vectors, found.states, found.known):
                array.flush()  # type: ignore[attr-defined]
            progress.write(number)
    bar.close()
    return Lessons.open(folder)


def _make_files(teacher: Teacher, sentences: Sequence[str], folder: Path, components: int, seed: int) -> None:
    sample = random.Random(seed).sample(list(sentences), min(SAMPLE, len(sentences)))
    read = [teacher.read(sample[start : start + BATCH_SIZE]) for start in range(0, len(sample), BATCH_SIZE)]
    states = np.concatenate([words[known] for _, found in read for words, known in found])
    centre = states.mean(0)
    _, scales, axes = np.linalg.svd(states - centre, full_matrices=False)
    # All components are divided by the deviation along the first, so that they keep their share in a squared error.
    np.save(folder / "directions.npy", axes[:components].T / (scales[0] / np.sqrt(len(states))))
    np.save(folder / "centre.npy", centre)
    starts = np.cumsum([0, *(len(teacher.spans(sentence)) for sentence in sentences)])
    np.save(folder / "starts.npy", starts)
    shapes = {
        "vectors": ((len(sentences), read[0][0].shape[1]), np.float16),
        "states": ((int(starts[-1]), min(components, states.shape[1])), np.float16),
        "known": ((int(starts[-1]),), np.bool_),
    }
    for name, (shape, dtype) in shapes.items():
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape).flush()
