"""The texts that every peer reads: tokenized once, handed to the workers as files that numpy alone can read."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .network import VOCABULARY


MAX_TOKENS = 256
# The lengths of film reviews, in words and punctuation, are log-normal.
MEDIAN_LENGTH, LENGTH_SPREAD = 193, 0.6
IDS_FILE, TEXTS_FILE, FIT_FILE, TOKENIZER_FOLDER = "ids.npz", "texts.json", "fit.json", "tokenizer"


class Text(NamedTuple):
    """Token ids (tokens,), the characters they were made of, and the label, 0 or 1."""

    ids: np.ndarray
    text: str
    label: int


@dataclass(frozen=True)
class Sample:
    """The texts that are trained on and answered, none of them empty."""

    texts: list[Text]

    @classmethod
    def read(cls, folder: Path) -> Sample:
        """Read what `write_sample` left in `folder`."""
        arrays = np.load(folder / IDS_FILE)
        ids = np.split(arrays["ids"], np.cumsum(arrays["lengths"])[:-1])
        texts = json.loads((folder / TEXTS_FILE).read_text(encoding="utf-8"))
        return cls([Text(*row) for row in zip(ids, texts, arrays["labels"].tolist(), strict=True)])

    @property
    def lengths(self) -> np.ndarray:
        return np.array([len(text.ids) for text in self.texts])

    @property
    def labels(self) -> np.ndarray:
        return np.array([text.label for text in self.texts], dtype=np.int32)

    def of_length(self, count: int, tokens: int) -> list[Text]:
        """`count` texts of exactly `tokens` tokens, made by joining reviews and cutting them."""
        rows = self._endless()
        joined = []
        for _ in range(count):
            parts = [next(rows)]
            while sum(len(part.ids) for part in parts) < tokens:
                parts.append(next(rows))
            ids = np.concatenate([part.ids for part in parts])[:tokens]
            joined.append(Text(ids, " ".join(part.text for part in parts), parts[0].label))
        return joined

    def _endless(self) -> Iterator[Text]:
        while True:
            yield from self.texts


def pad(texts: Sequence[Text], width: int | None = None) -> np.ndarray:
    """Ids (texts, width), int64, zeros on the right; `width` is by default the longest text's."""
    padded = np.zeros((len(texts), width or max(len(text.ids) for text in texts)), dtype=np.int64)
    for row, text in zip(padded, texts, strict=True):
        row[: len(text.ids)] = text.ids
    return padded


def bucketed_batches(lengths: np.ndarray, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Rows of each batch of one epoch: texts of similar length together, the batches in random order."""
    order = generator.permutation(len(lengths))
    order = order[np.argsort(lengths[order], kind="stable")]
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]


def write_sample(folder: Path, count: int, fitted: int | None, seed: int = 0) -> dict[str, Any]:
    """Choose and tokenize the texts, and write them to `folder`, with the tokenizer.

    Args:
        count: Texts of the sample, cut at `MAX_TOKENS` tokens.
        fitted: Texts that TF-IDF is fitted on, whole, and that the tokenizer's vocabulary is made of; None for all.

    Returns:
        What a reader of the figures has to know of the data.
    """
    from ...data.tokenizers.training import train_tokenizer

    name, source, rows = _reviews(max(count, fitted or 0), seed)
    rows = rows[: max(count, fitted)] if fitted is not None else rows
    tokenizer = train_tokenizer(
        [text for text, _ in rows], vocab_size=VOCABULARY, strip_html=True, show_progress=False
    )
    encoded = tokenizer([text for text, _ in rows[: 2 * count]], return_offsets_mapping=True)
    texts = [
        Text(np.array(ids[:MAX_TOKENS]), text[: spans[:MAX_TOKENS][-1][1]], label)
        for ids, spans, (text, label) in zip(encoded["input_ids"], encoded["offset_mapping"], rows, strict=False)
        if ids
    ][:count]
    lengths = Sample(texts).lengths
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder / TOKENIZER_FOLDER)
    np.savez(
        folder / IDS_FILE,
        ids=np.concatenate([text.ids for text in texts]).astype(np.int64),
        lengths=lengths,
        labels=Sample(texts).labels,
    )
    (folder / TEXTS_FILE).write_text(json.dumps([text.text for text in texts]), encoding="utf-8")
    (folder / FIT_FILE).write_text(json.dumps(rows[:fitted]), encoding="utf-8")
    return {
        "name": name,
        "source": source,
        "texts": len(texts),
        "max_tokens": MAX_TOKENS,
        "mean_tokens": float(lengths.mean()),
        "median_tokens": float(np.median(lengths)),
        "fitted_texts": len(rows[:fitted]),
        "tokenizer": "word-level, one for all but MiniLM and TF-IDF, which read the same texts with their own",
    }


def _reviews(count: int, seed: int) -> tuple[str, str, list[tuple[str, int]]]:
    """Name, source, and (text, label) in random order: IMDb's training split, else at least `count` made-up ones."""
    from ...data.readers.files import expand_path, read_rows

    path = "${HF_RNN_CORPORA}/imdb/train.parquet"
    if not expand_path(path).is_file():
        return "synthetic", f"made up, with the lengths of film reviews: there is no {path}", _made_up(count, seed)
    dataset = read_rows(path).shuffle(seed=seed)
    return "imdb", path, list(zip(dataset["text"], dataset["label"], strict=True))


def _made_up(count: int, seed: int) -> list[tuple[str, int]]:
    from ...data.synthetic.reviews import generate_reviews

    generator = random.Random(seed)
    short = generate_reviews(5000, seed)
    made = []
    for _ in range(count):
        words = math.exp(generator.gauss(math.log(MEDIAN_LENGTH), LENGTH_SPREAD))
        parts = [generator.choice(short)]
        while sum(part["text"].count(" ") for part in parts) < words:
            parts.append(generator.choice(short))
        made.append((" ".join(part["text"] for part in parts), parts[-1]["label"]))
    return made
