"""Texts as the mean of the vectors of their tokens: folders of model2vec (https://github.com/MinishLab/model2vec)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..measured import BATCH_SIZE
from .base import MeasuredLibrary


__all__ = ["MeasuredStaticVectors", "cosines"]


CONFIG, WEIGHTS = "config.json", "model.safetensors"


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine of each pair of rows, (pairs); 0 where a vector is 0, which a text without a known token has.

    Args:
        first, second: (pairs, features).
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


class MeasuredStaticVectors(MeasuredLibrary):
    """A `StaticModel` of model2vec, whose vectors are compared by cosine."""

    key = "model2vec"
    title = "model2vec"
    task = "sentence-similarity"
    needs = {"model2vec": "model2vec"}
    distributions = ("model2vec",)
    wanted = f"a folder of model2vec: {WEIGHTS}, tokenizer.json, and {CONFIG} with the model type model2vec"
    method = (
        "Of model2vec a text is encoded by `StaticModel.encode`, and two are compared by cosine; loading is "
        "`StaticModel.from_pretrained`. "
    )

    @classmethod
    def holds_model(cls, path: Path) -> bool:
        """Whether the configuration there is one of model2vec, and weights lie beside it."""
        if not (path / CONFIG).is_file() or not (path / WEIGHTS).is_file():
            return False
        return json.loads((path / CONFIG).read_text(encoding="utf-8")).get("model_type") == "model2vec"

    def import_libraries(self) -> None:
        """Import model2vec."""
        import model2vec  # noqa: F401

    def loaded(self, path: Path) -> Any:
        """The model in the folder."""
        from model2vec import StaticModel

        return StaticModel.from_pretrained(str(path))

    def figures(self) -> dict[str, Any]:
        """Parameters of the vectors."""
        vectors = self.model.embedding
        return {"model_class": "StaticModel", "parameters": int(vectors.size), "dtype": str(vectors.dtype)}

    def answer(self, text: Any) -> None:
        """The vector of one text."""
        self.model.encode(text)

    def answer_all(self, texts: list[Any]) -> None:
        """The vectors of many texts."""
        self.model.encode(texts, batch_size=BATCH_SIZE)

    def count(self, text: Any) -> int:
        """The tokens of a text that have a vector."""
        return len(self.model.tokenize([text])[0])

    def predict(self, inputs: list[Any]) -> dict[str, list[Any]]:
        """The cosine of each pair."""
        first, second = (
            np.asarray(self.model.encode([pair[side] for pair in inputs], batch_size=BATCH_SIZE))
            for side in ("text", "text_pair")
        )
        return {"predictions": cosines(first, second).tolist()}
