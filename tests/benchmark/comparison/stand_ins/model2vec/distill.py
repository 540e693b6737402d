"""Distillation of the stand-in: two words, whatever the encoder."""

from __future__ import annotations

from . import StaticModel


def distill(model_name: str) -> StaticModel:
    return StaticModel({"fine": [1.0, 0.0], "dull": [0.0, 1.0]})
