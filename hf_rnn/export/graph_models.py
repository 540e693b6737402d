"""Models as graphs: what goes in, what comes out, and the layers between."""

from __future__ import annotations

from typing import Any, cast

import onnx
from torch import nn

from ..models.backbone import RecurrentModel
from ..models.modeling_causal import RecurrentForCausalLM
from ..models.modeling_rnn import RecurrentForSequenceClassification, RecurrentForTokenClassification
from ..models.modeling_seq2seq import RecurrentForSeq2SeqLM
from ..models.modeling_siamese import SiameseForPairClassification, SiameseModel
from ..models.recurrent import RecurrentLayer
from ..models.word_embeddings import WordEmbeddings
from .graph import OPSETS, Graph, float_, ints, weight
from .graph_encoded import encoded, piece_steps
from .graph_layers import classification_head, cleared, continued_layer, first, linear, mean
from .graph_pairs import Side, pair_logits
from .graph_sequences import write_decoder, write_encoder
from .graph_steps import read_pieces, spread, step_of_piece
from .graph_wide import wide_logits


__all__ = ["build_graph", "build_graphs", "graph_names"]


def graph_names(model: Any) -> tuple[str, ...]:
    """The names of a model's graphs: "model", or, of an encoder-decoder, "encoder" and "decoder"."""
    return ("encoder", "decoder") if isinstance(model, RecurrentForSeq2SeqLM) else ("model",)


def build_graphs(model: Any, opset: int = OPSETS[0]) -> dict[str, onnx.ModelProto]:
    """The graphs of a model by their names: that of `build_graph`, or the two of an encoder-decoder.

    `graph_sequences` says what goes into those two and what comes out.

    Raises:
        ValueError: as `build_graph`.
    """
    if not isinstance(model, RecurrentForSeq2SeqLM):
        return {"model": build_graph(model, opset)}
    _check(model, opset)
    encoder, decoder = Graph(), Graph()
    write_encoder(encoder, model)
    write_decoder(decoder, model)
    return {"encoder": encoder.model(opset), "decoder": decoder.model(opset)}


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
    _check(model, opset)
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
            "recurrent language model, a SiameseModel or a SiameseForPairClassification; `build_graphs` writes the "
            "two of an encoder-decoder."
        )
    return g.model(opset)


def _check(model: Any, opset: int) -> None:
    if getattr(model, "is_quantized", False):
        raise ValueError(
            f"`model` has weights of 8 bits ({model.quantization_method}); it must be the model that this one was "
            "made of, of which export_onnx with `int8` writes a graph of 8 bits."
        )
    if isinstance(opset, bool) or opset not in OPSETS:
        raise ValueError(f"`opset`={opset!r} must be a whole number from {OPSETS[0]} to {OPSETS[-1]}.")


def _classifier(g: Graph, model: RecurrentForSequenceClassification) -> None:
    found = encoded(g, model.model)
    logits = classification_head(g, model.classifier, found.vector)
    if model.wide is not None:
        wide = wide_logits(g, model.wide, found.pieces)
        if model.config.single_logit:
            wide = g.Pad(wide, ints(0, 1, 0, 0), float_(0))
        deep_scale, wide_scale = weight(model.wide.scales)
        logits = g.Add(g.Mul(logits, deep_scale[None]), g.Mul(wide, wide_scale[None]))
    g.output(logits, "logits", "FLOAT", ["batch", model.classifier.output.out_features + model.config.single_logit])


def _tagger(g: Graph, model: RecurrentForTokenClassification) -> None:
    found = encoded(g, model.model)
    steps = found.steps
    emissions = cleared(g, classification_head(g, model.head.classifier, steps.features), steps.real)
    states = model.head.classifier.output.out_features
    g.output(g.Transpose(emissions, perm=[1, 0, 2]), "emissions", "FLOAT", ["batch", "steps", states])
    g.output(step_of_piece(g, found.pieces, steps.number), "steps", "INT64", ["batch", "time"])


def _side(g: Graph, model: SiameseModel, suffix: str = "") -> Side:
    # One of the texts that a siamese network compares; the inputs are named with `suffix`.
    if not isinstance(model.encoder, RecurrentModel):
        raise ValueError(
            f"`encoder` of the model is a {type(model.encoder).__name__}; graphs are written for recurrent encoders. "
            "Record the model with torch.export or torch.jit.trace, or train one over a BiLSTM."
        )
    found = encoded(g, model.encoder, suffix)
    steps, vector = found.steps, found.vector
    if model.config.pooling != "pooler":
        vector = (mean if model.config.pooling == "mean" else first)(g, steps)
    if model.projection is not None:
        vector = linear(g, model.projection, vector)
    if model.config.composition is not None and isinstance(model.encoder.embeddings, WordEmbeddings):
        steps = spread(g, steps, found.pieces)
    return Side(steps, vector, found.pieces)


def _language_model(g: Graph, model: RecurrentForCausalLM) -> None:
    pieces = read_pieces(g)
    steps = piece_steps(g, model.model.embeddings, pieces)
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
        outputs = linear(g, model.projection, outputs)
    g.output(linear(g, model.lm_head, outputs), "logits", "FLOAT", ["batch", "time", model.lm_head.out_features])
    for value, name, units in after:
        g.output(value, name, "FLOAT", ["batch", units])
