"""Seeing inside a trained network: each insight returns its data first, and draws a figure of it second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .alignment import Alignment as Alignment
    from .alignment import alignment_weights as alignment_weights
    from .attention import AttentionWeights as AttentionWeights
    from .attention import attention_weights as attention_weights
    from .contributions.tokens import Contributions as Contributions
    from .contributions.tokens import token_contributions as token_contributions
    from .gradients.flow import GradientFlow as GradientFlow
    from .gradients.flow import gradient_flow as gradient_flow
    from .gradients.plots import plot_gradient_flow as plot_gradient_flow
    from .gradients.text import TextGradientFlow as TextGradientFlow
    from .gradients.text import text_gradient_flow as text_gradient_flow
    from .lattice import TagLattice as TagLattice
    from .lattice import tag_lattice as tag_lattice
    from .neighbours import EmbeddingTable as EmbeddingTable
    from .neighbours import Neighbours as Neighbours
    from .neighbours import analogy as analogy
    from .neighbours import embedding_table as embedding_table
    from .neighbours import nearest_neighbours as nearest_neighbours
    from .plane import WordPlane as WordPlane
    from .plane import word_plane as word_plane
    from .report import Report as Report
    from .report import explain as explain
    from .shared import SharedTokens as SharedTokens
    from .shared import shared_tokens as shared_tokens
    from .states import GateActivations as GateActivations
    from .states import gate_activations as gate_activations
    from .steps import NotApplicableError as NotApplicableError
    from .streaming import NextTokens as NextTokens
    from .streaming import ReadingCurve as ReadingCurve
    from .streaming import next_tokens as next_tokens
    from .streaming import reading_curve as reading_curve
    from .summaries import LayerSummary as LayerSummary
    from .summaries import ModelSummary as ModelSummary
    from .summaries import summary as summary

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "Alignment": ".alignment",
        "AttentionWeights": ".attention",
        "Contributions": ".contributions.tokens",
        "EmbeddingTable": ".neighbours",
        "GateActivations": ".states",
        "GradientFlow": ".gradients.flow",
        "LayerSummary": ".summaries",
        "ModelSummary": ".summaries",
        "Neighbours": ".neighbours",
        "NextTokens": ".streaming",
        "NotApplicableError": ".steps",
        "ReadingCurve": ".streaming",
        "Report": ".report",
        "SharedTokens": ".shared",
        "TagLattice": ".lattice",
        "TextGradientFlow": ".gradients.text",
        "WordPlane": ".plane",
        "alignment_weights": ".alignment",
        "analogy": ".neighbours",
        "attention_weights": ".attention",
        "embedding_table": ".neighbours",
        "explain": ".report",
        "gate_activations": ".states",
        "gradient_flow": ".gradients.flow",
        "nearest_neighbours": ".neighbours",
        "next_tokens": ".streaming",
        "plot_gradient_flow": ".gradients.plots",
        "reading_curve": ".streaming",
        "shared_tokens": ".shared",
        "summary": ".summaries",
        "tag_lattice": ".lattice",
        "text_gradient_flow": ".gradients.text",
        "token_contributions": ".contributions.tokens",
        "word_plane": ".plane",
    },
)
