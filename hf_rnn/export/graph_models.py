"""Models as graphs: what goes in, what comes out, and the layers between."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
from torch import nn

from ..models.backbone import RecurrentModel
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ..models.modeling_siamese import SiameseForPairClassification, SiameseModel
from ..models.recurrent import RecurrentLayer
from ..models.word_embeddings import WordEmbeddings
from .graph import OPSETS, Graph, float_, ints, weight
from .graph_layers import (
    classification_head,
    cleared,
    continued_layer,
    dense_stack,
    first,
    linear,
    mean,
    pooled,
    recurrent_layer,
)
from .graph_pairs import Side, pair_logits
from .graph_steps import GraphSteps, Pieces, axis_size, by_step, read_pieces, real_steps, spread, step_of_piece
from .graph_wide import wide_logits
from .graph_words import word_steps


__all__ = ["build_graph"]


def build_graph(model: Any, opset: int = OPSETS[0]) -> onnx.ModelProto:
    """The model as an ONNX graph, exact for every mask: padding on the right, on the left, or in between.

    Inputs are `input_ids` and `attention_mask`, int64 (batch, time), of which both are dynamic; there is at least one
    column, and a text may have no token. What comes out is float32:

    - of a sequence classifier `logits` (batch, labels);
    - of a token classifier `emissions` (batch, steps, states), zero behind the last step, and `steps` (batch, time),
      int64: which step, a piece or a word, a token belongs to; -1 at the padding. A CRF is left to whoever runs it;
    - of a siamese network `embeddings` (batch, features);
    - of a classifier of pairs `logits` (batch, labels); it has the second texts as inputs `input_ids_b` and
      `attention_mask_b`, whose time is their own;
    - of a language model `logits` (batch, time, tokens), those of the padding as its forward pass gives them. It has
      its state as inputs, `past.0.h` of the first layer and so on, and for an LSTM `past.0.c`, each float32 (batch,
      units), zeros before a text; and what that has become as outputs `present.0.h` and so on.

    Raises:
        ValueError: for an `opset` that is not one of `OPSETS`, or a model that no graph is written for.
    """
    if isinstance(opset, bool) or opset not in OPSETS:
        raise ValueError(f"`opset`={opset!r} must be a whole number from {OPSETS[0]} to {OPSETS[-1]}.")
    g = Graph()
    if isinstance(model, RecurrentForSequenceClassification):
        _classifier(g, model)
    elif isinstance(model, RecurrentForTokenClassification):
        _tagger(g, model)
    elif isinstance(model, SiameseModel):
        g.output(_side(g, model).embedding, "embeddings", "FLOAT", ["batch", model.config.output_size])
    elif isinstance(model, SiameseForPairClassification):
        sides = [_side(g, model.model, suffix) for suffix in ("", "_b")]
        g.output(pair_logits(g, model, *sides), "logits", "FLOAT", ["batch", model.output.out_features])
    elif isinstance(model, RecurrentForCausalLM):
        _language_model(g, model)
    else:
        raise ValueError(
            f"`model` is a {type(model).__name__}; it must be a recurrent classifier of sequences or tokens, a "
            "recurrent language model, a SiameseModel or a SiameseForPairClassification."
        )
    return g.model(opset)


def _encoded(g: Graph, backbone: RecurrentModel, suffix: str = "") -> tuple[GraphSteps, str, Pieces]:
    # The two are the backbone's `last_hidden_state` and `pooler_output`; the third is what was read.
    config: Any = backbone.config
    if config.vocab_size is None:
        raise ValueError("`vocab_size` of the model's config is None; only models of tokens can be exported.")
    pieces = read_pieces(g, suffix)
    if isinstance(backbone.embeddings, WordEmbeddings):
        steps = word_steps(g, backbone.embeddings, pieces)
    else:
        steps = _piece_steps(g, backbone, pieces)
    finals = None
    for layer in backbone.layers:
        steps.features, finals = recurrent_layer(g, layer, steps.features, steps.lengths)  # type: ignore[arg-type]
    vector = pooled(g, backbone.pooler, steps, finals)
    return steps, dense_stack(g, backbone.dense, vector), pieces


def _piece_steps(g: Graph, backbone: RecurrentModel, pieces: Pieces) -> GraphSteps:
    batch, time = (axis_size(g, pieces.input_ids, axis) for axis in (0, 1))
    ids = by_step(g, pieces.ids, pieces.order, pieces.rows, 0, time, batch)
    table = backbone.embeddings.word_embeddings
    if isinstance(table, nn.Embedding):
        features = g.Gather(weight(table.weight), ids)
    else:
        size = ints(int(backbone.config.vocab_size or 0))
        features = g.OneHot(ids, size, np.array([0, 1], dtype=np.float32), axis=-1)
    return GraphSteps(features, pieces.lengths, real_steps(g, pieces.lengths, time), pieces.order)


def _classifier(g: Graph, model: RecurrentForSequenceClassification) -> None:
    _, vector, pieces = _encoded(g, model.model)
    logits = classification_head(g, model.classifier, vector)
    if model.wide is not None:
        wide = wide_logits(g, model.wide, pieces)
        if model.config.single_logit:
            wide = g.Pad(wide, ints(0, 1, 0, 0), float_(0))
        deep_scale, wide_scale = weight(model.wide.scales)
        logits = g.Add(g.Mul(logits, deep_scale[None]), g.Mul(wide, wide_scale[None]))
    g.output(logits, "logits", "FLOAT", ["batch", model.classifier.output.out_features + model.config.single_logit])


def _tagger(g: Graph, model: RecurrentForTokenClassification) -> None:
    steps, _, pieces = _encoded(g, model.model)
    emissions = cleared(g, classification_head(g, model.head.classifier, steps.features), steps.real)
    states = model.head.classifier.output.out_features
    g.output(g.Transpose(emissions, perm=[1, 0, 2]), "emissions", "FLOAT", ["batch", "steps", states])
    g.output(step_of_piece(g, pieces, steps.number), "steps", "INT64", ["batch", "time"])


def _side(g: Graph, model: SiameseModel, suffix: str = "") -> Side:
    # One of the texts that a siamese network compares; the inputs are named with `suffix`.
    if not isinstance(model.encoder, RecurrentModel):
        raise ValueError(
            f"`encoder` of the model is a {type(model.encoder).__name__}; graphs are written for recurrent encoders. "
            "Record the model with torch.export or torch.jit.trace, or train one over a BiLSTM."
        )
    steps, vector, pieces = _encoded(g, model.encoder, suffix)
    if model.config.pooling != "pooler":
        vector = (mean if model.config.pooling == "mean" else first)(g, steps)
    if model.projection is not None:
        vector = linear(g, model.projection, vector)
    if model.config.composition is not None and isinstance(model.encoder.embeddings, WordEmbeddings):
        steps = spread(g, steps, pieces)
    return Side(steps, vector, pieces)


def _language_model(g: Graph, model: RecurrentForCausalLM) -> None:
    pieces = read_pieces(g)
    steps = _piece_steps(g, model.model, pieces)
    before: list[str] = []
    after: list[tuple[str, str, int]] = []
    for index, layer in enumerate(model.model.layers):
        cell: Any = layer.cell
        parts, units = ("h", "c")[: cell.num_states], cell.hidden_size
        before = [g.input(f"past.{index}.{part}", ["batch", units], "FLOAT") for part in parts]
        steps.features, reached = continued_layer(
            g, cast(RecurrentLayer, layer), steps.features, steps.lengths, before
        )
        after += [(value, f"present.{index}.{part}", units) for value, part in zip(reached, parts, strict=True)]
    # This is what came of the last token so far, or of the state where there is none yet: (batch, time, units).
    every = g.Concat(g.Unsqueeze(before[0], ints(0)), steps.features, axis=0)
    outputs = g.GatherND(g.Transpose(every, perm=[1, 0, 2]), g.Unsqueeze(pieces.count, ints(2)), batch_dims=1)
    if isinstance(model.projection, nn.Linear):
        outputs = g.MatMul(outputs, weight(model.projection.weight).T)
    g.output(linear(g, model.lm_head, outputs), "logits", "FLOAT", ["batch", "time", model.lm_head.out_features])
    for value, name, units in after:
        g.output(value, name, "FLOAT", ["batch", units])
