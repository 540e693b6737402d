"""Answers of a trained model: many texts at once, one text at once, and one-shot verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .fast import FastClassifier as FastClassifier
    from .fast import FastSimilarity as FastSimilarity
    from .fast import FastTagger as FastTagger
    from .fast import load_fast as load_fast
    from .files import predict_file as predict_file
    from .one_shot import OneShotVerifier as OneShotVerifier
    from .prediction import predict_texts as predict_texts
    from .steps import predict_steps as predict_steps

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "FastClassifier": ".fast",
        "FastSimilarity": ".fast",
        "FastTagger": ".fast",
        "OneShotVerifier": ".one_shot",
        "load_fast": ".fast",
        "predict_file": ".files",
        "predict_steps": ".steps",
        "predict_texts": ".prediction",
    },
)
