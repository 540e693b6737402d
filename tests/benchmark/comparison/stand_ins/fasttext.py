"""A stand-in for fastText: the calls that are made of it, on files with its own header."""

from __future__ import annotations

import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np


HEADER = "<2i12id3i2q"


class Model:
    """Counts words by label; with a learning rate below 0.5 it always says the most frequent label."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def get_labels(self) -> list[str]:
        return list(self.state["labels"])

    def is_quantized(self) -> bool:
        return bool(self.state["quantized"])

    def quantize(self, *, input: str, cutoff: int, retrain: bool, qnorm: bool, thread: int) -> None:
        assert Path(input).is_file()
        self.state["quantized"] = True

    def predict(self, text: Any, k: int = 1) -> Any:
        if isinstance(text, list):
            answers = [self.predict(one, k) for one in text]
            return [list(labels) for labels, _ in answers], [shares for _, shares in answers]
        if "\n" in text:
            raise ValueError("predict processes one line at a time (remove '\\n')")
        counts, labels = self.state["counts"], self.state["labels"]
        known = [word for word in text.split() if word in counts]
        if not known:
            return (), np.asarray([])
        scores = np.array([sum(counts[word].get(label, 0) for word in known) + 0.5 for label in labels])
        if self.state["options"].get("lr", 1.0) < 0.5:
            scores = np.arange(len(labels), 0, -1.0)
        shares = scores / scores.sum()
        order = np.argsort(-shares, kind="stable")[: None if k == -1 else k]
        return tuple(labels[place] for place in order), shares[order]

    def save_model(self, path: str) -> None:
        dim, bucket = self.state["options"]["dim"], self.state["options"]["bucket"]
        words, labels = len(self.state["counts"]), len(self.state["labels"])
        numbers = (
            793712314,
            12,
            dim,
            5,
            5,
            1,
            5,
            2,
            3,
            3,
            bucket,
            0,
            0,
            100,
            1e-4,
            words + labels,
            words,
            labels,
            9,
            -1,
        )
        Path(path).write_bytes(struct.pack(HEADER, *numbers) + json.dumps(self.state).encode())


def load_model(path: str) -> Model:
    return Model(json.loads(Path(path).read_bytes()[struct.calcsize(HEADER) :]))


def train_supervised(path: str, **options: Any) -> Model:
    rows = [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    labels = [label for label, _ in Counter(row[0] for row in rows).most_common()]
    counts: dict[str, Counter[str]] = {}
    for label, *words in rows:
        for word in words:
            counts.setdefault(word, Counter())[label] += 1
    return Model({"labels": labels, "counts": counts, "options": options, "quantized": False})
