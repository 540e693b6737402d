"""The classifier of pairs inside a graph: `models.together` in nodes, and the dense layers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..models.alignment import PairReader
from ..models.modeling_siamese import SiameseForPairClassification
from ..models.overlap import SWAPPED
from ..models.recurrent import RecurrentLayer
from .graph import Graph, float_, ints
from .graph_layers import LEAST, cleared, dense_stack, largest, linear, mean, recurrent_layer
from .graph_overlap import shared_features
from .graph_steps import GraphSteps, Pieces


__all__ = ["Side", "pair_logits"]


@dataclass
class Side:
    """One text of each pair.

    Attributes:
        steps: What the encoder makes of its tokens.
        embedding: (batch, features).
        pieces: Its tokens.
    """

    steps: GraphSteps
    embedding: str
    pieces: Pieces


def pair_logits(g: Graph, model: SiameseForPairClassification, a: Side, b: Side) -> str:
    """The logits (batch, labels); see `SiameseForPairClassification.forward`."""
    u, v = a.embedding, b.embedding
    difference, product = g.Abs(g.Sub(u, v)), g.Mul(u, v)
    orders = [[u, v, difference, product], [v, u, difference, product]]
    together = model.together
    if together is not None:
        shared = shared_features(g, together.overlap, a.pieces, b.pieces, a.steps.real, b.steps.real)
        alike, back = _alike(g, u, v), g.Gather(shared, ints(*SWAPPED), axis=1)
        of_a, of_b = _read(g, together.reader, a.steps, b.steps)
        orders[0] += [of_a, of_b, g.Concat(shared, alike, axis=1)]
        orders[1] += [of_b, of_a, g.Concat(back, alike, axis=1)]
    found = [_logits(g, model, order) for order in orders[: 1 + model.config.symmetric]]
    return found[0] if len(found) == 1 else g.Mul(g.Add(*found), float_(0.5))


def _logits(g: Graph, model: SiameseForPairClassification, features: list[str]) -> str:
    logits = linear(g, model.output, dense_stack(g, model.dense, g.Concat(*features, axis=1)))
    if model.together is None:
        return logits
    return g.Add(logits, dense_stack(g, model.together.wide, features[-1]))


def _alike(g: Graph, u: str, v: str) -> str:
    # (batch, 1); see `models.together.alike`.
    lengths = [g.ReduceL2(vector, ints(1), keepdims=1) for vector in (u, v)]
    # The cosine with the zero vector is 0, whatever that is divided by.
    units = [
        g.Div(vector, g.Where(g.Greater(length, float_(0)), length, float_(1)))
        for vector, length in zip((u, v), lengths, strict=True)
    ]
    cosine = g.ReduceSum(g.Mul(*units), ints(1), keepdims=1)
    return g.Sub(g.Mul(cosine, float_(4)), float_(2))


def _read(g: Graph, reader: PairReader, a: GraphSteps, b: GraphSteps) -> tuple[str, str]:
    # The vectors of both texts, each (batch, 2 * features).
    states_a, states_b = (cleared(g, each.features, each.real) for each in (a, b))  # (time, batch, features)
    by_batch = [g.Transpose(states, perm=[1, 0, 2]) for states in (states_a, states_b)]
    scores = g.MatMul(by_batch[0], g.Transpose(states_b, perm=[1, 2, 0]))  # (batch, time of a, time of b)
    if reader.reduction is not None:
        states_a, states_b, *by_batch = (linear(g, reader.reduction, x) for x in (states_a, states_b, *by_batch))
    of_a = _aligned(g, scores, by_batch[1], b)
    of_b = _aligned(g, g.Transpose(scores, perm=[0, 2, 1]), by_batch[0], a)
    return _composed(g, reader, states_a, of_a, a), _composed(g, reader, states_b, of_b, b)


def _aligned(g: Graph, scores: str, others: str, steps: GraphSteps) -> str:
    # What each step corresponds to in the other text, whose steps these are: (time, batch, features).
    real = g.Transpose(steps.real, perm=[1, 2, 0])  # (batch, 1, other time)
    weights = g.Softmax(g.Where(real, scores, float_(LEAST)), axis=2)
    found = g.MatMul(g.Where(real, weights, float_(0)), others)
    return g.Transpose(found, perm=[1, 0, 2])


def _composed(g: Graph, reader: PairReader, states: str, others: str, steps: GraphSteps) -> str:
    beside = g.Concat(states, others, g.Sub(states, others), g.Mul(states, others), axis=2)
    features = g.Relu(linear(g, reader.projection, beside))
    layer: Any = reader.layer
    if isinstance(layer, RecurrentLayer):
        features, _ = recurrent_layer(g, layer, features, steps.lengths)
    else:
        features = g.Relu(linear(g, layer, features))
    composed = GraphSteps(features, steps.lengths, steps.real, steps.number)
    return g.Concat(mean(g, composed), largest(g, composed), axis=1)
