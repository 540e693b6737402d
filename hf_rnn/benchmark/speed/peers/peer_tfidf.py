"""TF-IDF of words and pairs of words, and logistic regression: what no network is needed for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..texts import FIT_FILE, Text
from .base import AskedPeer


class TfidfClassifier(AskedPeer):
    """scikit-learn's, one thread; a call begins with the characters, where the networks' begins with token ids."""

    @property
    def _weights_path(self) -> Path:
        return self.folder / "weights.npz"

    @property
    def _terms_path(self) -> Path:
        return self.folder / "terms.json"

    def prepare(self) -> list[Path]:
        from sklearn.linear_model import LogisticRegression

        rows = json.loads((Path(self.job.folder) / FIT_FILE).read_text(encoding="utf-8"))
        texts, labels = zip(*rows, strict=True)
        terms = _vectorizer()
        regression = LogisticRegression().fit(terms.fit_transform(texts), labels)
        self.folder.mkdir(parents=True)
        # What the two have learnt is saved, not the objects, which only a pickle could hold.
        np.savez(self._weights_path, idf=terms.idf_, coefficients=regression.coef_[0], bias=regression.intercept_)
        self._terms_path.write_text(json.dumps(terms.get_feature_names_out().tolist()), encoding="utf-8")
        return [self._weights_path, self._terms_path]

    def load(self) -> None:
        self.terms = _vectorizer(vocabulary=json.loads(self._terms_path.read_text(encoding="utf-8")))
        weights = np.load(self._weights_path)
        self.terms.idf_ = weights["idf"]
        self.coefficients, self.bias = weights["coefficients"], weights["bias"]

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        return [" ".join(text.text.split()[:max_tokens]) for text in texts]

    def answer(self, inputs: Any) -> np.ndarray:
        logits: np.ndarray = self.terms.transform(inputs) @ self.coefficients + self.bias
        return logits


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32, **options)
