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
# Tokens of a text, with the one that ends it: most captions of Multi30k have so many.
SHORTEST, LONGEST = 10, 20


def write_pairs(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Write the sources as `Sample` reads them, and the targets as `read_targets` does.

    Returns:
        What a reader of the figures has to know of the data.
    """
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sides = [[_text(generator) for _ in range(count)] for _ in range(2)]
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


def _text(generator: np.random.Generator) -> np.ndarray:
    words = generator.integers(FIRST_WORD, VOCABULARY, generator.integers(SHORTEST - 1, LONGEST))
    return np.append(words, END)


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
