"""The pairs of a source and a target that every peer is trained on: made up, as long as captions in two languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..texts import IDS_FILE, TEXTS_FILE
from .network import END, FIRST_WORD, VOCABULARY


TARGETS_FILE = "targets.npz"
# The tokens of a text, with the one that ends it, are as many as captions of Multi30k have in 4,500 byte pairs. A
# source has 16 on average, with a standard deviation of 5 and a long tail; a target has about 1.05 for each of these.
SHORTEST, LONGEST = 5, 60
SHAPE, SCALE, OFFSET = 2.9, 3.0, 7.4
TARGET_RATIO, RATIO_DEVIATION = 1.05, 0.18


def write_pairs(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Write the sources as `Sample` reads them, and the targets as `read_targets` does.

    Returns:
        What a reader of the figures has to know of the data.
    """
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sides = [[_text(generator, length) for length in lengths] for lengths in _lengths(generator, count)]
    for name, texts in zip((IDS_FILE, TARGETS_FILE), sides, strict=True):
        lengths = np.array([len(ids) for ids in texts])
        np.savez(folder / name, ids=np.concatenate(texts), lengths=lengths, labels=np.zeros(count, dtype=np.int64))
    (folder / TEXTS_FILE).write_text(json.dumps([""] * count), encoding="utf-8")
    means = [float(np.mean([len(ids) for ids in texts])) for texts in sides]
    return {
        "name": "random tokens",
        "pairs": count,
        "shortest": SHORTEST,
        "longest": LONGEST,
        "mean_source_tokens": means[0],
        "mean_target_tokens": means[1],
    }


def _lengths(generator: np.random.Generator, count: int) -> np.ndarray:
    """The numbers of tokens (2, count) of sources and targets: a gamma distribution, and multiples of it."""
    sources = OFFSET + generator.gamma(SHAPE, SCALE, count)
    targets = sources * generator.normal(TARGET_RATIO, RATIO_DEVIATION, count)
    return np.clip(np.rint([sources, targets]), SHORTEST, LONGEST).astype(np.int64)


def _text(generator: np.random.Generator, length: int) -> np.ndarray:
    return np.append(generator.integers(FIRST_WORD, VOCABULARY, length - 1), END)


def read_targets(folder: Path) -> list[np.ndarray]:
    """The ids (tokens,) of each target, its end included."""
    arrays = np.load(folder / TARGETS_FILE)
    return np.split(arrays["ids"], np.cumsum(arrays["lengths"])[:-1])


def shifted(targets: np.ndarray) -> np.ndarray:
    """What a decoder reads to write `targets` (rows, tokens): the end of the text before, and all but the last."""
    return np.concatenate([np.full_like(targets[:, :1], END), targets[:, :-1]], axis=1)


def padded(texts: Sequence[np.ndarray], width: int | None = None) -> np.ndarray:
    """Ids (texts, width), int64, zeros on the right; `width` is by default the longest text's."""
    rows = np.zeros((len(texts), width or max(len(ids) for ids in texts)), dtype=np.int64)
    for row, ids in zip(rows, texts, strict=True):
        row[: len(ids)] = ids
    return rows
