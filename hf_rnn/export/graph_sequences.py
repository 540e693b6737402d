"""An encoder-decoder as two graphs: one that reads a source once, and one that reads the next token of its target.

All that the encoder's graph gives is named as the decoder's graph takes it, float32:

- with attention `memory` (batch, source, features), zero at the padding, and, but for "dot", which compares these
  themselves, `source_keys` (batch, source, compared);
- with `context_at_each_step` `context` (batch, features);
- the state before a target's first token: `past.0.h` of the first layer and so on, for an LSTM `past.0.c` too, each
  (batch, units), and `past.attended` (batch, features), zeros, where the attended state is fed.

The encoder's inputs are `input_ids` and `attention_mask`, int64 (batch, source), with padding anywhere. The decoder
takes `input_ids`, int64 (batch, 1), and, with attention, the source's `attention_mask`. It gives `logits` (batch, 1,
tokens), with attention its `weights` (batch, 1, source), and `present.0.h` and so on, which are the next call's
`past.0.h`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from ..models.attention import AdditiveAttention, SourceAttention
from ..models.bridge import Bridge
from ..models.cells import GruCell
from ..models.configuration_seq2seq import RecurrentEncoderDecoderConfig
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.recurrent import RecurrentLayer
from .graph import Graph, float_, ints, weight
from .graph_encoded import encoded, token_features
from .graph_layers import LEAST, continued_layer, gru_step, linear
from .graph_steps import in_place


__all__ = ["write_decoder", "write_encoder"]


@dataclass
class GraphSource:
    """What a decoder's graph with attention takes of the sources.

    Attributes:
        memory: (batch, source, features).
        keys: (batch, source, compared).
        real: (batch, 1, source), True at a token.
    """

    memory: str
    keys: str
    real: str


def write_encoder(g: Graph, model: RecurrentForSeq2SeqLM) -> None:
    """The graph that reads a source."""
    config = cast(RecurrentEncoderDecoderConfig, model.config)
    source = model.model.encoder
    found = encoded(g, source.network)
    if config.attends:
        size = config.reads.step_size
        memory = in_place(g, found.steps.features, found.pieces, size)
        g.output(memory, "memory", "FLOAT", ["batch", "time", size])
        if isinstance(source.key_layer, nn.Linear):
            keys = linear(g, source.key_layer, memory)
            g.output(keys, "source_keys", "FLOAT", ["batch", "time", config.compared_size])
    if config.context_at_each_step:
        g.output(found.vector, "context", "FLOAT", ["batch", config.reads.output_size])
    batch = g.Shape(found.pieces.input_ids, start=0, end=1)
    starts = _bridged(g, source.bridge, found.finals or [[found.vector]], batch)
    for number, (start, (_, units)) in enumerate(zip(starts, source.bridge.shapes, strict=True)):
        for value, name in zip(start, ("h", "c"), strict=False):
            g.output(value, f"past.{number}.{name}", "FLOAT", ["batch", units])
    if config.input_feeding == "attended":
        g.output(_zeros(g, batch, config.attended_size), "past.attended", "FLOAT", ["batch", config.attended_size])


def _bridged(g: Graph, bridge: Bridge, finals: list[list[str]], batch: str) -> list[list[str]]:
    # The state that each of the decoder's layers starts from, its parts (batch, units).
    if bridge.kind == "none":
        return [[_zeros(g, batch, units)] * parts for parts, units in bridge.shapes]
    starts: list[list[str]] = []
    for number, origin in enumerate(bridge.origins):
        given = [g.Flatten(part) for part in finals[origin]]
        if bridge.kind == "dense":
            h, *cells = cast(Any, bridge.layers[number])
            given = [g.Tanh(linear(g, h, given[0])), *(linear(g, layer, given[-1]) for layer in cells)]
        starts.append(given)
    return starts


def _zeros(g: Graph, batch: str, size: int) -> str:
    return g.Expand(float_(0), g.Concat(batch, ints(size), axis=0))


def write_decoder(g: Graph, model: RecurrentForSeq2SeqLM) -> None:
    """The graph that reads a token of a target, and scores the one that follows."""
    config = cast(RecurrentEncoderDecoderConfig, model.config)
    decoder = model.model.decoder
    ids = g.input("input_ids", ["batch", 1])
    source = _source(g, config) if config.attends else None
    past = [_past(g, number, layer) for number, layer in enumerate(decoder.layers)]
    features = token_features(g, decoder.embeddings, g.Transpose(ids, perm=[1, 0]))
    context, weights, fed = _fed(g, config, decoder.attention, past[-1][0], source)
    if fed is not None:
        features = g.Concat(features, fed, axis=2)
    present: list[list[str]] = []
    for layer, state in zip(decoder.layers, past, strict=True):
        features, reached = _step(g, cast(RecurrentLayer, layer), features, state, ids)
        present.append(reached)
    outputs = g.Transpose(features, perm=[1, 0, 2])
    if source is not None and weights is None:
        context, weights = _attend(g, cast(SourceAttention, decoder.attention), outputs, source)
    attended = outputs if context is None else g.Concat(context, outputs, axis=2)
    if isinstance(decoder.readout, nn.Linear):
        attended = linear(g, decoder.readout, attended)
    if isinstance(decoder.activation, nn.Tanh):
        attended = g.Tanh(attended)
    logits = linear(g, model.lm_head, attended)
    g.output(logits, "logits", "FLOAT", ["batch", 1, model.lm_head.out_features])
    if weights is not None:
        g.output(weights, "weights", "FLOAT", ["batch", 1, "source"])
    for number, (reached, layer) in enumerate(zip(present, decoder.layers, strict=True)):
        for value, name in zip(reached, ("h", "c"), strict=False):
            g.output(value, f"present.{number}.{name}", "FLOAT", ["batch", cast(Any, layer).hidden_size])
    if config.input_feeding == "attended":
        g.output(g.Squeeze(attended, ints(1)), "present.attended", "FLOAT", ["batch", config.attended_size])


def _step(g: Graph, layer: RecurrentLayer, features: str, state: list[str], ids: str) -> tuple[str, list[str]]:
    # A layer's output (1, batch, units) for features (1, batch, features), and its state.
    if isinstance(layer.cell, GruCell) and layer.cell.reset_after:
        reached = gru_step(g, layer, g.Squeeze(features, ints(0)), state[0])
        return g.Unsqueeze(reached, ints(0)), [reached]
    lengths = g.Expand(ints(1), g.Shape(ids, start=0, end=1))
    return continued_layer(g, layer, features, lengths, state)


def _source(g: Graph, config: RecurrentEncoderDecoderConfig) -> GraphSource:
    mask = g.input("attention_mask", ["batch", "source"])
    memory = g.input("memory", ["batch", "source", config.reads.step_size], "FLOAT")
    keys = memory
    if config.attention != "dot":
        keys = g.input("source_keys", ["batch", "source", config.compared_size], "FLOAT")
    return GraphSource(memory, keys, g.Unsqueeze(g.Cast(mask, to=9), ints(1)))  # BOOL


def _past(g: Graph, number: int, layer: Any) -> list[str]:
    parts = ("h", "c")[: layer.num_states]
    return [g.input(f"past.{number}.{part}", ["batch", layer.hidden_size], "FLOAT") for part in parts]


def _fed(
    g: Graph, config: RecurrentEncoderDecoderConfig, attention: Any, top: str, source: GraphSource | None
) -> tuple[str | None, str | None, str | None]:
    # The context (batch, 1, features) and the weights that are known before a step, and what the decoder reads beside
    # the token (1, batch, features); each None where there is none.
    if config.input_feeding == "attended":
        before = g.input("past.attended", ["batch", config.attended_size], "FLOAT")
        return None, None, g.Unsqueeze(before, ints(0))
    if config.input_feeding == "context":
        context, weights = _attend(g, attention, g.Unsqueeze(top, ints(1)), cast(GraphSource, source))
        return context, weights, g.Transpose(context, perm=[1, 0, 2])
    if not config.context_at_each_step:
        return None, None, None
    context = g.Unsqueeze(g.input("context", ["batch", config.reads.output_size], "FLOAT"), ints(1))
    return context, None, g.Transpose(context, perm=[1, 0, 2])


def _attend(g: Graph, attention: SourceAttention, states: str, source: GraphSource) -> tuple[str, str]:
    # The context (batch, 1, features) and the weights (batch, 1, source) of a state (batch, 1, units).
    if isinstance(attention, AdditiveAttention):
        both = g.Add(g.Unsqueeze(linear(g, attention.query, states), ints(2)), g.Unsqueeze(source.keys, ints(1)))
        scores = g.Squeeze(g.MatMul(g.Tanh(both), weight(attention.weight.weight).T), ints(3))
    else:
        # The states are few; to turn the keys at each step would cost more.
        products = g.MatMul(source.keys, g.Transpose(states, perm=[0, 2, 1]))
        scores = g.Transpose(products, perm=[0, 2, 1])
    weights = g.Softmax(g.Where(source.real, scores, float_(LEAST)), axis=2)
    weights = g.Where(source.real, weights, float_(0))
    return g.MatMul(weights, source.memory), weights
