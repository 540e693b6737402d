"""The wide part of a classifier inside a graph: `models.wide` in nodes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..models.wide import BASE, BOUNDARY, MODULUS, POWERS, WidePart, salt_of
from .graph import Graph, int_, ints, weight
from .graph_steps import Pieces, axis_size, filled


__all__ = ["wide_logits"]


INT64, FLOAT = 7, 1


def wide_logits(g: Graph, wide: WidePart, pieces: Pieces) -> str:
    """The logits (batch, outputs), without the zero of `single_logit`; see `WidePart.forward`."""
    symbols = _symbols(g, wide, pieces)
    logits = g.Identity(weight(wide.bias))
    for kind, found in (("word", _of_words(g, wide, symbols)), ("character", _of_characters(g, wide, symbols))):
        sums, number = [], []
        for order, hashes, real in found:
            rows = g.Add(g.Mul(hashes, int_(BASE)), int_(salt_of(kind, order)))
            rows = g.Mod(g.Mod(rows, int_(MODULUS)), int_(wide.buckets))
            kept = g.Cast(real, to=FLOAT)
            # (batch, 1, places) by (batch, places, outputs)
            summed = g.MatMul(g.Unsqueeze(kept, ints(1)), g.Gather(weight(wide.weight), rows))
            sums.append(g.Squeeze(summed, ints(1)))
            number.append(g.ReduceSum(kept, ints(1), keepdims=1))
        if sums:
            share = g.Sqrt(g.Max(g.Sum(*number), np.array(1, dtype=np.float32)))
            logits = g.Add(logits, g.Div(g.Sum(*sums), share))
    return logits


def _symbols(g: Graph, wide: WidePart, pieces: Pieces) -> str:
    # (batch, symbols): a boundary before each text, what it spells, and boundaries to the end.
    table = weight(wide.token_bytes).astype(np.int64)
    batch = axis_size(g, pieces.input_ids, 0)
    lengths = g.Gather(weight(wide.token_lengths).astype(np.int64), pieces.ids)  # (pieces)
    of_row = g.ScatterElements(filled(g, 0, batch), pieces.rows, lengths, reduction="add")
    longest = g.ReduceMax(g.Concat(of_row, ints(0), axis=0), ints(0), keepdims=0)
    of_rows_before = g.Gather(g.CumSum(of_row, int_(0), exclusive=1), pieces.rows)
    before = g.Sub(g.CumSum(lengths, int_(0), exclusive=1), of_rows_before)
    real = g.Less(np.arange(table.shape[1])[None], g.Unsqueeze(lengths, ints(1)))
    places = g.Transpose(g.NonZero(g.Cast(real, to=INT64)), perm=[1, 0])  # of every byte: its piece, where in it
    piece, offset = (g.Gather(places, int_(axis), axis=1) for axis in (0, 1))
    place = g.Add(g.Add(g.Gather(before, piece), offset), int_(1))
    target = g.Concat(g.Unsqueeze(g.Gather(pieces.rows, piece), ints(1)), g.Unsqueeze(place, ints(1)), axis=1)
    spelt = g.GatherND(g.Gather(table, pieces.ids), places)
    return g.ScatterND(filled(g, BOUNDARY, batch, g.Add(longest, int_(2))), target, spelt)


def _of_characters(g: Graph, wide: WidePart, symbols: str) -> Iterator[tuple[int, str, str]]:
    hashes, inside = g.Add(symbols, int_(1)), None
    for order in wide.orders["character"]:
        last = _shifted(g, symbols, order - 1, BOUNDARY)
        hashes = _appended(g, hashes, g.Add(last, int_(1)))
        if order == 2:
            yield order, hashes, g.Or(_letter(g, symbols), _letter(g, last))
            continue
        between = _letter(g, _shifted(g, symbols, order - 2, BOUNDARY))
        inside = between if inside is None else g.And(inside, between)
        yield order, hashes, inside


def _of_words(g: Graph, wide: WidePart, symbols: str) -> Iterator[tuple[int, str, str]]:
    letter = _letter(g, symbols)
    # A row begins with a boundary: what comes to stand before it does not matter.
    begins = g.And(letter, g.Not(_letter(g, _before(g, symbols))))
    started = g.Cast(begins, to=INT64)
    number = g.Max(g.Sub(g.CumSum(started, int_(1)), int_(1)), int_(0))
    count = g.Cast(g.ReduceSum(g.Cast(begins, to=FLOAT), ints(1), keepdims=1), to=INT64)
    width = g.ReduceMax(g.Concat(g.Squeeze(count, ints(1)), ints(1), axis=0), ints(0), keepdims=0)
    empty = filled(g, 0, axis_size(g, symbols, 0), width)
    place = g.Range(int_(0), axis_size(g, symbols, 1), int_(1))
    first = g.ScatterElements(empty, number, g.Mul(started, place), axis=1, reduction="add")
    power = g.Sub(place, g.GatherElements(first, number, axis=1))
    power = g.Min(g.Max(power, int_(0)), int_(POWERS - 1))
    terms = g.Mul(g.Add(symbols, int_(1)), g.Gather(weight(wide.powers), power))
    terms = g.Mul(g.Mod(terms, int_(MODULUS)), g.Cast(letter, to=INT64))
    keys = g.Mod(g.ScatterElements(empty, number, terms, axis=1, reduction="add"), int_(MODULUS))
    hashes, words = keys, g.Range(int_(0), width, int_(1))
    for order in wide.orders["word"]:
        if order > 1:
            hashes = _appended(g, hashes, _shifted(g, keys, order - 1, 0))
        yield order, hashes, g.Less(g.Add(words, int_(order - 1)), count)


def _letter(g: Graph, symbols: str) -> str:
    return g.Not(g.Equal(symbols, int_(BOUNDARY)))


def _appended(g: Graph, hashes: str, following: str) -> str:
    return g.Mod(g.Add(g.Mul(hashes, int_(BASE)), following), int_(MODULUS))


def _shifted(g: Graph, values: str, by: int, otherwise: int) -> str:
    # (batch, places): what stands `by` places later, `otherwise` where nothing does.
    if by == 0:
        return values
    padded = g.Pad(values, ints(0, 0, 0, by), int_(otherwise))
    return g.Slice(padded, ints(by), ints(2**31), ints(1))


def _before(g: Graph, symbols: str) -> str:
    padded = g.Pad(symbols, ints(0, 1, 0, 0), int_(BOUNDARY))
    return g.Slice(padded, ints(0), ints(-1), ints(1))
