"""A recurrent network without its head as nodes of a graph: features of tokens, layers, the pooled vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from ..models.backbone import RecurrentModel
from ..models.embeddings import RecurrentEmbeddings
from ..models.word_embeddings import WordEmbeddings
from .graph import Graph, ints, weight
from .graph_layers import dense_stack, pooled, recurrent_layer
from .graph_steps import GraphSteps, Pieces, axis_size, by_step, read_pieces, real_steps
from .graph_words import word_steps


__all__ = ["Encoded", "encoded", "piece_steps", "token_features"]


@dataclass
class Encoded:
    """What a network makes of a batch.

    Attributes:
        pieces: What was read.
        steps: The last layer's output, the backbone's `last_hidden_state`.
        finals: Of each layer the state at each row's own last step: h, and c of an LSTM, each (batch, directions,
            units); zero for an empty row.
        vector: (batch, features), the backbone's `pooler_output`.
    """

    pieces: Pieces
    steps: GraphSteps
    finals: list[list[str]]
    vector: str


def encoded(g: Graph, backbone: RecurrentModel, suffix: str = "") -> Encoded:
    """The backbone of a model, whose inputs are named with `suffix`.

    Raises:
        ValueError: it reads no tokens.
    """
    config: Any = backbone.config
    if config.vocab_size is None:
        raise ValueError("`vocab_size` of the model's config is None; only models of tokens can be exported.")
    pieces = read_pieces(g, suffix)
    if isinstance(backbone.embeddings, WordEmbeddings):
        steps = word_steps(g, backbone.embeddings, pieces)
    else:
        steps = piece_steps(g, backbone.embeddings, pieces)
    finals: list[list[str]] = []
    for layer in backbone.layers:
        steps.features, state = recurrent_layer(g, layer, steps.features, steps.lengths)  # type: ignore[arg-type]
        finals.append(state)
    vector = pooled(g, backbone.pooler, steps, finals[-1][0] if finals else None)
    return Encoded(pieces, steps, finals, dense_stack(g, backbone.dense, vector))


def piece_steps(g: Graph, embeddings: RecurrentEmbeddings, pieces: Pieces) -> GraphSteps:
    """The pieces as steps."""
    batch, time = (axis_size(g, pieces.input_ids, axis) for axis in (0, 1))
    ids = by_step(g, pieces.ids, pieces.order, pieces.rows, 0, time, batch)
    features = token_features(g, embeddings, ids)
    return GraphSteps(features, pieces.lengths, real_steps(g, pieces.lengths, time), pieces.order)


def token_features(g: Graph, embeddings: RecurrentEmbeddings, ids: str) -> str:
    """Vectors (…, features) of `ids` (…), from the table, or one-hot."""
    table = embeddings.word_embeddings
    if isinstance(table, nn.Embedding):
        return g.Gather(weight(table.weight), ids)
    return g.OneHot(ids, ints(int(embeddings.vocab_size or 0)), np.array([0, 1], dtype=np.float32), axis=-1)
