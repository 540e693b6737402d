"""TF-IDF of words and pairs of words, and logistic regression: what no network is needed for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .peer import AskedPeer
from .texts import FIT_FILE, Text


class TfidfClassifier(AskedPeer):
    """scikit-learn's, one thread; a call begins with the characters, where the networks' begins with token ids."""

    @property
    def _path(self) -> Path:
        return self.folder / "model.joblib"

    def prepare(self) -> list[Path]:
        import joblib
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        rows = json.loads((Path(self.job.folder) / FIT_FILE).read_text(encoding="utf-8"))
        terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
        pipeline = make_pipeline(terms, LogisticRegression()).fit(*zip(*rows, strict=True))
        self.folder.mkdir(parents=True)
        joblib.dump(pipeline, self._path)
        return [self._path]

    def load(self) -> None:
        import joblib

        self.pipeline = joblib.load(self._path)

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        return [" ".join(text.text.split()[:max_tokens]) for text in texts]

    def answer(self, inputs: Any) -> np.ndarray:
        logits: np.ndarray = self.pipeline.decision_function(inputs)
        return logits
