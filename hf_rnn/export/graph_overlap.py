"""What two texts share, inside a graph: `models.overlap` in nodes."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.overlap import Overlap
from .graph import Graph, float_, int_, ints, weight
from .graph_steps import Pieces, axis_size, by_step


__all__ = ["shared_features"]


FLOAT = 1
# Beyond every axis.
END = ints(2**31)


@dataclass
class _Text:
    """The tokens of one text of each pair, from the first column on.

    Attributes:
        ids: (batch, time).
        real: (batch, time), bool; `ones` is the same as numbers, and `weights` has the weight of each token.
        length: (batch, 1), float.
    """

    ids: str
    real: str
    ones: str
    weights: str
    length: str


def shared_features(g: Graph, overlap: Overlap, a: Pieces, b: Pieces, real_a: str, real_b: str) -> str:
    """The features (batch, 10) of `overlap_features`.

    Args:
        real_a, real_b: (time, batch, 1), True where a text goes on.
    """
    first, second = _text(g, overlap, a, real_a), _text(g, overlap, b, real_b)
    same = _same(g, first, second)
    in_b, in_a = _any(g, same, 2), _any(g, same, 1)
    first_a, first_b = _first(g, first), _first(g, second)
    pairs_a, pairs_b = _first_pair(g, first), _first_pair(g, second)
    pairs_in_b = _any(g, _neighbours(g, same), 2)
    ones_of_pairs = [_without_first(g, text.ones, 1) for text in (first, second)]
    shorter, longer = g.Min(first.length, second.length), g.Max(first.length, second.length)
    features = [
        _share(g, in_b, first.ones),
        _share(g, in_a, second.ones),
        _share(g, in_b, first.weights),
        _share(g, in_a, second.weights),
        _jaccard(g, first_a, first_b, in_b, first.ones, second.ones),
        _jaccard(g, first_a, first_b, in_b, first.weights, second.weights),
        _jaccard(g, pairs_a, pairs_b, pairs_in_b, *ones_of_pairs),
        g.Div(shorter, g.Max(longer, float_(1))),
        g.Cast(g.Equal(_at_the_same_place(g, same), longer), to=FLOAT),
        _of_the_first_tokens(g, same),
    ]
    return g.Sub(g.Mul(g.Concat(*features, axis=1), float_(4)), float_(2))


def _text(g: Graph, overlap: Overlap, pieces: Pieces, real: str) -> _Text:
    batch, time = (axis_size(g, pieces.input_ids, axis) for axis in (0, 1))
    ids = g.Transpose(by_step(g, pieces.ids, pieces.order, pieces.rows, 0, time, batch), perm=[1, 0])
    real = g.Transpose(g.Squeeze(real, ints(2)), perm=[1, 0])
    weights = g.Where(real, g.Gather(weight(overlap.idf), ids), float_(0))
    length = g.Cast(g.Unsqueeze(pieces.lengths, ints(1)), to=FLOAT)
    return _Text(ids, real, g.Cast(real, to=FLOAT), weights, length)


def _same(g: Graph, a: _Text, b: _Text) -> str:
    # (batch, time, other time): whether two tokens are the same.
    equal = g.Equal(g.Unsqueeze(a.ids, ints(2)), g.Unsqueeze(b.ids, ints(1)))
    return g.And(equal, g.And(g.Unsqueeze(a.real, ints(2)), g.Unsqueeze(b.real, ints(1))))


def _neighbours(g: Graph, same: str) -> str:
    # (batch, time - 1, other time - 1): whether two tokens are the same, and those behind them, too.
    before, behind = (cut(g, cut(g, same, 1), 2) for cut in (_without_last, _without_first))
    return g.And(before, behind)


def _without_last(g: Graph, values: str, axis: int) -> str:
    return g.Slice(values, ints(0), ints(-1), ints(axis))


def _without_first(g: Graph, values: str, axis: int) -> str:
    return g.Slice(values, ints(1), END, ints(axis))


def _any(g: Graph, found: str, axis: int) -> str:
    return g.Greater(g.ReduceSum(g.Cast(found, to=FLOAT), ints(axis), keepdims=0), float_(0))


def _positions(g: Graph, same: str) -> tuple[str, str]:
    # The place in the text (time, 1) and in the other (1, other time).
    first, second = (g.Range(int_(0), axis_size(g, same, axis), int_(1)) for axis in (1, 2))
    return g.Unsqueeze(first, ints(1)), g.Unsqueeze(second, ints(0))


def _seen_before(g: Graph, same: str) -> str:
    # (batch, time, time) of a text and itself to (batch, time): whether there is a same one at an earlier place.
    return _any(g, g.And(same, g.Greater(*_positions(g, same))), 2)


def _first(g: Graph, text: _Text) -> str:
    # (batch, time): whether a token is the first of its kind in the text.
    return g.And(text.real, g.Not(_seen_before(g, _same(g, text, text))))


def _first_pair(g: Graph, text: _Text) -> str:
    # (batch, time - 1): whether a pair of neighbours is the first of its kind.
    seen = _seen_before(g, _neighbours(g, _same(g, text, text)))
    return g.And(_without_first(g, text.real, 1), g.Not(seen))


def _share(g: Graph, found: str, weights: str) -> str:
    return _over(g, _sum(g, weights, found), _sum(g, weights))


def _jaccard(g: Graph, first_a: str, first_b: str, in_b: str, weights_a: str, weights_b: str) -> str:
    both = _sum(g, weights_a, g.And(first_a, in_b))
    either = g.Sub(g.Add(_sum(g, weights_a, first_a), _sum(g, weights_b, first_b)), both)
    return _over(g, both, either)


def _sum(g: Graph, values: str, where: str | None = None) -> str:
    # (batch, time) to (batch, 1), of all or of those that are `where`.
    kept = values if where is None else g.Where(where, values, float_(0))
    return g.ReduceSum(kept, ints(1), keepdims=1)


def _over(g: Graph, part: str, whole: str) -> str:
    # A weight is above 0, so the whole is 0 where there is no token.
    return g.Div(part, g.Where(g.Greater(whole, float_(0)), whole, float_(1)))


def _at_the_same_place(g: Graph, same: str) -> str:
    # (batch, 1): how many tokens are those that the other text has at their place.
    kept = g.Cast(g.And(same, g.Equal(*_positions(g, same))), to=FLOAT)
    return g.Squeeze(g.ReduceSum(kept, ints(1, 2), keepdims=1), ints(2))


def _of_the_first_tokens(g: Graph, same: str) -> str:
    # (batch, 1): whether both texts begin with the same one.
    corner = g.Slice(same, ints(0, 0), ints(1, 1), ints(1, 2))
    return g.Squeeze(g.Cast(corner, to=FLOAT), ints(2))
