"""A stand-in for model2vec: the calls that are made of it; a text is the mean of the vectors of its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


class StaticModel:
    def __init__(self, words: dict[str, list[float]]) -> None:
        self.words = words
        self.embedding = np.array(list(words.values()), dtype=np.float16)

    @classmethod
    def from_pretrained(cls, path: str) -> StaticModel:
        return cls(json.loads((Path(path) / "model.safetensors").read_text()))

    def save_pretrained(self, path: str) -> None:
        (Path(path) / "model.safetensors").write_text(json.dumps(self.words))
        (Path(path) / "config.json").write_text('{"model_type": "model2vec"}')

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        places = {word: place for place, word in enumerate(self.words)}
        return [[places[word] for word in text.split() if word in places] for text in texts]

    def encode(self, texts: Any, batch_size: int = 1024) -> Any:
        if isinstance(texts, str):
            return self.encode([texts])[0]
        nothing = np.zeros(self.embedding.shape[1], dtype=np.float16)
        return np.stack([self.embedding[ids].mean(0) if ids else nothing for ids in self.tokenize(texts)])
