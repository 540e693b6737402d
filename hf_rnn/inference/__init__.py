"""Answers of a trained model: many texts at once, and one-shot verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .files import predict_file as predict_file
    from .one_shot import OneShotVerifier as OneShotVerifier
    from .prediction import predict_texts as predict_texts
    from .steps import predict_steps as predict_steps

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "OneShotVerifier": ".one_shot",
        "predict_file": ".files",
        "predict_steps": ".steps",
        "predict_texts": ".prediction",
    },
)
