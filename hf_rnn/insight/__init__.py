"""Seeing inside a trained network: each insight returns its data first, and draws a figure of it second."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


# Where each public name is found when it is first used.
_MODULE_OF = {
    "AttentionWeights": "attention",
    "Contributions": "contributions",
    "EmbeddingTable": "neighbours",
    "GateActivations": "states",
    "Neighbours": "neighbours",
    "NextTokens": "streaming",
    "NotApplicableError": "steps",
    "ReadingCurve": "streaming",
    "Report": "report",
    "TagLattice": "lattice",
    "TextGradientFlow": "gradients",
    "analogy": "neighbours",
    "attention_weights": "attention",
    "embedding_table": "neighbours",
    "explain": "report",
    "gate_activations": "states",
    "nearest_neighbours": "neighbours",
    "next_tokens": "streaming",
    "reading_curve": "streaming",
    "tag_lattice": "lattice",
    "text_gradient_flow": "gradients",
    "token_contributions": "contributions",
}

__all__ = [
    "AttentionWeights",
    "Contributions",
    "EmbeddingTable",
    "GateActivations",
    "Neighbours",
    "NextTokens",
    "NotApplicableError",
    "ReadingCurve",
    "Report",
    "TagLattice",
    "TextGradientFlow",
    "analogy",
    "attention_weights",
    "embedding_table",
    "explain",
    "gate_activations",
    "nearest_neighbours",
    "next_tokens",
    "reading_curve",
    "tag_lattice",
    "text_gradient_flow",
    "token_contributions",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
    return getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


if TYPE_CHECKING:
    from .attention import AttentionWeights as AttentionWeights
    from .attention import attention_weights as attention_weights
    from .contributions import Contributions as Contributions
    from .contributions import token_contributions as token_contributions
    from .gradients import TextGradientFlow as TextGradientFlow
    from .gradients import text_gradient_flow as text_gradient_flow
    from .lattice import TagLattice as TagLattice
    from .lattice import tag_lattice as tag_lattice
    from .neighbours import EmbeddingTable as EmbeddingTable
    from .neighbours import Neighbours as Neighbours
    from .neighbours import analogy as analogy
    from .neighbours import embedding_table as embedding_table
    from .neighbours import nearest_neighbours as nearest_neighbours
    from .report import Report as Report
    from .report import explain as explain
    from .states import GateActivations as GateActivations
    from .states import gate_activations as gate_activations
    from .steps import NotApplicableError as NotApplicableError
    from .streaming import NextTokens as NextTokens
    from .streaming import ReadingCurve as ReadingCurve
    from .streaming import next_tokens as next_tokens
    from .streaming import reading_curve as reading_curve
