"""Words rebuilt from pieces inside a graph, and what a model knows of each: `models.word_embeddings` in nodes.

Words lie in one flat row, row by row of the batch, as pieces do. One more follows them, of no byte: it stands for the
padding, and spares the operators of ONNX a batch without a word.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from torch import nn

from ..models.char_encoder import PADDING_BYTE, CharacterCnn, CharacterLstm
from ..models.word_embeddings import CASING_CLASSES, KEY_BASE, UNKNOWN_ROW, WordEmbeddings
from .graph import Graph, float_, int_, ints, weight
from .graph_layers import LEAST, recurrent_layer
from .graph_steps import GraphSteps, Pieces, axis_size, by_step, filled, real_steps


__all__ = ["word_steps"]


# The powers of the keys' polynomial come from two tables of this size: words may have up to its square of bytes.
POWERS = 1024
INT64, FLOAT = 7, 1


def word_steps(g: Graph, embeddings: WordEmbeddings, pieces: Pieces) -> GraphSteps:
    """Make what the first layer of a model of words reads; see `WordEmbeddings.forward`."""
    batch = axis_size(g, pieces.input_ids, 0)
    marked = g.Gather(weight(embeddings.token_starts), pieces.ids)
    begins = g.Cast(g.Or(marked, g.Equal(pieces.order, int_(0))), to=INT64)
    word = g.Sub(g.CumSum(begins, int_(0)), int_(1))  # (pieces), among all words
    count = g.ReduceSum(begins, ints(0), keepdims=0)
    lengths = g.ScatterElements(filled(g, 0, batch), pieces.rows, begins, reduction="add")
    before = g.CumSum(lengths, int_(0), exclusive=1)
    number = g.Sub(word, g.Gather(before, pieces.rows))
    time = g.ReduceMax(g.Concat(lengths, ints(1), axis=0), ints(0), keepdims=0)
    characters, spelt = _characters(g, embeddings, pieces, word, count)
    found = _features(g, embeddings, characters, spelt)
    place = by_step(g, word, number, pieces.rows, 0, time, batch)
    real = real_steps(g, lengths, time)
    place = g.Where(g.Squeeze(real, ints(2)), place, count)
    return GraphSteps(g.Gather(found, place), lengths, real, number)


def _characters(g: Graph, embeddings: WordEmbeddings, pieces: Pieces, word: str, count: str) -> tuple[str, str]:
    # The bytes of all words (words, bytes), `PADDING_BYTE` after a word's end, and how many each has (words).
    table = weight(embeddings.token_bytes).astype(np.int64)
    piece_lengths = g.Gather(weight(embeddings.token_lengths).astype(np.int64), pieces.ids)
    words = g.Add(count, int_(1))
    lengths = g.ScatterElements(filled(g, 0, words), word, piece_lengths, reduction="add")
    width = g.Max(g.ReduceMax(lengths, ints(0), keepdims=0), int_(1))
    real = g.Less(np.arange(table.shape[1])[None], g.Unsqueeze(piece_lengths, ints(1)))
    places = g.Transpose(g.NonZero(g.Cast(real, to=INT64)), perm=[1, 0])  # of every byte: its piece, where in it
    spelt = g.GatherND(g.Gather(table, pieces.ids), places)
    of_word = g.Gather(word, g.Gather(places, int_(0), axis=1))
    everything = g.Range(int_(0), axis_size(g, spelt, 0), int_(1))
    position = g.Sub(everything, g.Gather(g.CumSum(lengths, int_(0), exclusive=1), of_word))
    target = g.Concat(g.Unsqueeze(of_word, ints(1)), g.Unsqueeze(position, ints(1)), axis=1)
    return g.ScatterND(filled(g, PADDING_BYTE, words, width), target, spelt), lengths


def _features(g: Graph, embeddings: WordEmbeddings, characters: str, lengths: str) -> str:
    # (words, features): the word's vector, then its spelling, then its capitals.
    before = g.Concat(
        g.Expand(ints(PADDING_BYTE), g.Concat(g.Shape(characters, start=0, end=1), ints(1), axis=0)),
        g.Slice(characters, ints(0), ints(-1), ints(1)),
        axis=1,
    )
    codes = g.Add(characters, g.Mul(g.Cast(g.Equal(before, int_(0xC3)), to=INT64), int_(0x100)))
    classes = g.Gather(weight(CASING_CLASSES).astype(np.int64), codes)  # (words, bytes, 4)
    capital = g.Gather(classes, int_(0), axis=2)
    rows = _rows(g, embeddings, characters, capital)
    parts = [g.Gather(weight(cast(nn.Embedding, embeddings.word_embeddings).weight), rows)]
    if isinstance(embeddings.char_encoder, CharacterCnn):
        parts.append(_convolved(g, embeddings.char_encoder, characters, lengths))
    elif isinstance(embeddings.char_encoder, CharacterLstm):
        parts.append(_read(g, embeddings.char_encoder, characters, lengths))
    if embeddings.casing_features:
        parts.append(g.Cast(_casing(g, characters, lengths, classes, capital), to=FLOAT))
    return g.Concat(*parts, axis=1)


def _rows(g: Graph, embeddings: WordEmbeddings, characters: str, capital: str) -> str:
    # Rows of the table of vectors (words): of the word as written, else in lower case, else the unknown one.
    if embeddings.num_keys == 0:
        return g.Mul(g.Gather(characters, int_(0), axis=1), int_(UNKNOWN_ROW))
    positions = g.Range(int_(0), axis_size(g, characters, 1), int_(1))
    low, high = (_powers(step) for step in (1, POWERS))
    powers = g.Mul(g.Gather(low, g.Mod(positions, int_(POWERS))), g.Gather(high, g.Div(positions, int_(POWERS))))
    first_row = UNKNOWN_ROW + 1
    keys, values = embeddings.keys.tolist(), list(range(first_row, first_row + embeddings.num_keys))
    if embeddings.num_aliases:
        keys, values = keys + embeddings.alias_keys.tolist(), values + embeddings.alias_rows.tolist()
    rows = []
    for spelling in (characters, g.Add(characters, g.Mul(capital, int_(0x20)))):
        digits = g.Where(g.Equal(spelling, int_(PADDING_BYTE)), int_(0), g.Add(spelling, int_(1)))
        # ReduceSum will not do: ONNX Runtime adds in floating point, and a key is modulo 2^64.
        key = g.MatMul(digits, powers)
        rows.append(
            g.LabelEncoder(
                key,
                domain="ai.onnx.ml",
                keys_int64s=keys,
                values_int64s=values,
                default_int64=UNKNOWN_ROW,
            )
        )
    as_written, lower = rows
    return g.Where(g.Equal(as_written, int_(UNKNOWN_ROW)), lower, as_written)


def _powers(step: int) -> np.ndarray:
    # `KEY_BASE` to the powers 1, 2, 3 … for a step of 1, else 0, step, 2 * step …, all modulo 2^64.
    first = 1 if step == 1 else 0
    powers = [pow(KEY_BASE, first + step * index, 2**64) for index in range(POWERS)]
    return np.array(powers, dtype=np.uint64).astype(np.int64)


def _casing(g: Graph, characters: str, lengths: str, classes: str, capital: str) -> str:
    # See `word_embeddings.casing`: (words, 6), 0 or 1.
    totals = g.ReduceSum(classes, ints(1), keepdims=0)
    capitals, small, digits, others = (g.Gather(totals, int_(index), axis=1) for index in range(4))
    in_first_two = g.ReduceMax(g.Slice(capital, ints(0), ints(2), ints(1)), ints(1), keepdims=0)
    at_first = g.Greater(g.Gather(capital, int_(0), axis=1), int_(0))
    two_bytes = g.Equal(g.Gather(characters, int_(0), axis=1), int_(0xC3))
    first = g.And(g.Greater(in_first_two, int_(0)), g.Or(at_first, two_bytes))
    found = [
        first,
        g.Greater(capitals, g.Cast(first, to=INT64)),
        *(g.Greater(total, int_(0)) for total in (small, digits)),
        g.And(g.Equal(digits, lengths), g.Greater(lengths, int_(0))),
        g.Greater(others, int_(0)),
    ]
    return g.Concat(*(g.Unsqueeze(g.Cast(each, to=INT64), ints(1)) for each in found), axis=1)


def _convolved(g: Graph, encoder: CharacterCnn, characters: str, lengths: str) -> str:
    # (words, filters)
    around = g.Pad(characters, ints(0, 1, 0, 1), int_(PADDING_BYTE))
    embedded = g.Transpose(g.Gather(weight(encoder.embeddings.weight), around), perm=[0, 2, 1])
    filtered = g.Conv(embedded, weight(encoder.convolution.weight), weight(encoder.convolution.bias))
    real = g.Less(
        g.Range(int_(0), axis_size(g, characters, 1), int_(1)), g.Unsqueeze(g.Max(lengths, int_(1)), ints(1))
    )
    return g.ReduceMax(g.Where(g.Unsqueeze(real, ints(1)), filtered, float_(LEAST)), ints(2), keepdims=0)


def _read(g: Graph, encoder: CharacterLstm, characters: str, lengths: str) -> str:
    # (words, 2 * units)
    embedded = g.Gather(weight(encoder.embeddings.weight), g.Transpose(characters, perm=[1, 0]))
    _, (h, *_) = recurrent_layer(g, encoder.layer, embedded, lengths)
    return g.Flatten(h)
