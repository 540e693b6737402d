"""The inputs of a graph: ids and mask of the pieces of a batch, as one flat row of real pieces, and as steps.

In a graph steps come first, (time, batch, features): the recurrent operators of ONNX want it so.
"""

from __future__ import annotations

from dataclasses import dataclass

from .graph import Graph, float_, int_, ints


__all__ = [
    "GraphSteps",
    "Pieces",
    "axis_size",
    "by_step",
    "filled",
    "in_place",
    "read_pieces",
    "real_steps",
    "spread",
    "step_of_piece",
]


@dataclass
class Pieces:
    """The real pieces of a batch, row by row, without the padding, wherever that stood.

    Attributes:
        ids: (pieces).
        places: (pieces, 2), the row and the column of each in the input.
        rows: (pieces), the row of each.
        order: (pieces), its number among the pieces of its row, from 0.
        count: (batch, time), as the input stands: the pieces of the row so far.
        lengths: (batch), the pieces of each row.
        input_ids: The input (batch, time), for its shape.
    """

    ids: str
    places: str
    rows: str
    order: str
    count: str
    lengths: str
    input_ids: str


@dataclass
class GraphSteps:
    """Features of the steps, that are pieces or words.

    Attributes:
        features: (time, batch, features); anything at the padding, which follows a row's steps.
        lengths: (batch), int64.
        real: (time, batch, 1), True at a step.
        number: (pieces), which step of its row a piece belongs to.
    """

    features: str
    lengths: str
    real: str
    number: str


def read_pieces(g: Graph, suffix: str = "") -> Pieces:
    """The inputs `input_ids` and `attention_mask` (batch, time), their names and that of their time with `suffix`."""
    axes = ["batch", f"time{suffix}"]
    ids, mask = g.input(f"input_ids{suffix}", axes), g.input(f"attention_mask{suffix}", axes)
    real = g.Cast(g.Cast(mask, to=9), to=7)  # 9 is BOOL, 7 INT64: any number but 0 counts as 1
    places = g.Transpose(g.NonZero(real), perm=[1, 0])
    rows = g.Gather(places, int_(0), axis=1)
    count = g.CumSum(real, int_(1))
    order = g.GatherND(g.Sub(count, int_(1)), places)
    lengths = g.ReduceSum(real, ints(1), keepdims=0)
    return Pieces(g.GatherND(ids, places), places, rows, order, count, lengths, ids)


def spread(g: Graph, steps: GraphSteps, pieces: Pieces) -> GraphSteps:
    """The pieces as steps, each with the features of the step, such as a word, that it belongs to."""
    batch, time = (axis_size(g, pieces.input_ids, axis) for axis in (0, 1))
    number = by_step(g, steps.number, pieces.order, pieces.rows, 0, time, batch)
    index = g.Unsqueeze(g.Transpose(number, perm=[1, 0]), ints(2))
    features = g.GatherND(g.Transpose(steps.features, perm=[1, 0, 2]), index, batch_dims=1)
    real = real_steps(g, pieces.lengths, time)
    return GraphSteps(g.Transpose(features, perm=[1, 0, 2]), pieces.lengths, real, pieces.order)


def real_steps(g: Graph, lengths: str, time: str) -> str:
    """(time, batch, 1), True where a row of `lengths` (batch) still goes on at a step."""
    positions = g.Unsqueeze(g.Range(int_(0), time, int_(1)), ints(1))
    return g.Unsqueeze(g.Less(positions, g.Unsqueeze(lengths, ints(0))), ints(2))


def axis_size(g: Graph, value: str, axis: int) -> str:
    """The size of an axis, of no dimension."""
    return g.Squeeze(g.Shape(value, start=axis, end=axis + 1), ints(0))


def filled(g: Graph, value: int, *sizes: str) -> str:
    """A tensor of int64 with these sizes, each of no dimension, filled with `value`."""
    shape = g.Concat(*(g.Unsqueeze(size, ints(0)) for size in sizes), axis=0)
    return g.Expand(int_(value), shape)


def by_step(g: Graph, values: str, steps: str, rows: str, otherwise: int, time: str, batch: str) -> str:
    """(time, batch): each of `values` (n) at its step and row, each (n); `otherwise` at the padding."""
    place = g.Concat(g.Unsqueeze(steps, ints(1)), g.Unsqueeze(rows, ints(1)), axis=1)
    return g.ScatterND(filled(g, otherwise, time, batch), place, values)


def in_place(g: Graph, features: str, pieces: Pieces, size: int) -> str:
    """(batch, time, size), as the input stands: the features (time, batch, size) of each piece; 0 at the padding."""
    place = g.Concat(g.Unsqueeze(pieces.order, ints(1)), g.Unsqueeze(pieces.rows, ints(1)), axis=1)
    shape = g.Concat(g.Shape(pieces.input_ids), ints(size), axis=0)
    return g.ScatterND(g.Expand(float_(0), shape), pieces.places, g.GatherND(features, place))


def step_of_piece(g: Graph, pieces: Pieces, number: str) -> str:
    """(batch, time), as the input stands: which step a piece belongs to; -1 at the padding."""
    return g.ScatterND(g.Expand(int_(-1), g.Shape(pieces.input_ids)), pieces.places, number)
