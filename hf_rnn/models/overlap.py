"""Measures exactly which tokens two texts share: what an encoder's vectors of a rare name or a number do not say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from transformers import initialization as init


__all__ = ["NUM_OVERLAP_FEATURES", "SWAPPED", "Overlap", "overlap_features", "swapped"]


NUM_OVERLAP_FEATURES = 10
# The places of the features when the two texts change theirs.
SWAPPED = (1, 0, 3, 2, 4, 5, 6, 7, 8, 9)


class Overlap(nn.Module):
    """The features of [`overlap_features`] with a weight for each token: its inverse document frequency.

    Args:
        vocab_size: The number of tokens; the weights are 1 until [`count`] or saved weights set them.
    """

    idf: torch.Tensor

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.register_buffer("idf", torch.ones(vocab_size))

    def extra_repr(self) -> str:
        return f"vocab_size={len(self.idf)}"

    def initialize(self) -> None:
        """Set every weight to 1."""
        init.ones_(self.idf)

    @property
    def counted(self) -> bool:
        """Tell whether the weights are those of some texts."""
        return bool((self.idf != 1).any())

    @torch.no_grad()
    def count(self, texts: Iterable[Sequence[int]]) -> None:
        """Set the weight of each token to log((1 + n) / (1 + d)) + 1, where d of `n` texts have it.

        Args:
            texts: The ids of each text.
        """
        found: Counter[int] = Counter()
        number = 0
        for ids in texts:
            number += 1
            found.update(set(ids))
        self.idf.fill_(math.log(1 + number) + 1)
        for token, times in found.items():
            self.idf[token] = math.log((1 + number) / (1 + times)) + 1

    def resize(self, vocab_size: int) -> None:
        """Forget tokens, or add some with the weight of one that was never seen, the largest of all."""
        missing = vocab_size - len(self.idf)
        grown = torch.cat([self.idf, self.idf.max().expand(max(missing, 0))])
        self.idf = grown[:vocab_size].clone()

    def forward(
        self, ids_a: torch.Tensor, ids_b: torch.Tensor, mask_a: torch.Tensor, mask_b: torch.Tensor
    ) -> torch.Tensor:
        """See [`overlap_features`]."""
        return overlap_features(ids_a, ids_b, mask_a, mask_b, self.idf)


def overlap_features(
    ids_a: torch.Tensor, ids_b: torch.Tensor, mask_a: torch.Tensor, mask_b: torch.Tensor, idf: torch.Tensor
) -> torch.Tensor:
    """(batch, 10), each x in [0, 1], and 0 where there is nothing to divide by, as 4 x − 2, which is spread as the
    values of a trained layer are:

    - the share of a's tokens that are in b, and of b's in a; the same two by the weights of the tokens;
    - Jaccard's coefficient of the two sets of tokens, of the sets by weight, and of the sets of neighbouring tokens;
    - the length of the shorter text by that of the longer;
    - whether both are the same, and whether both begin with the same token.

    Args:
        ids_a, ids_b: (batch, time), each with a time of its own.
        mask_a, mask_b: (batch, time), True at a token, wherever it stands.
        idf: (tokens), the weight of each.
    """
    (ids_a, mask_a), (ids_b, mask_b) = _to_the_left(ids_a, mask_a), _to_the_left(ids_b, mask_b)
    same = _same(ids_a, mask_a, ids_b, mask_b)
    in_b, in_a = same.any(2), same.any(1)
    first_a, first_b = _first(ids_a, mask_a), _first(ids_b, mask_b)
    pairs = same[:, :-1, :-1] & same[:, 1:, 1:]
    pairs_a, pairs_b = _first_pair(ids_a, mask_a), _first_pair(ids_b, mask_b)
    weight_a, weight_b = idf[ids_a], idf[ids_b]
    ones_a, ones_b = torch.ones_like(weight_a), torch.ones_like(weight_b)
    length_a, length_b = mask_a.sum(1), mask_b.sum(1)
    shorter, longer = torch.minimum(length_a, length_b), torch.maximum(length_a, length_b)
    at_the_same_place = same.diagonal(dim1=1, dim2=2)
    features = [
        _share(in_b, mask_a, ones_a),
        _share(in_a, mask_b, ones_b),
        _share(in_b, mask_a, weight_a),
        _share(in_a, mask_b, weight_b),
        _jaccard(first_a, first_b, in_b, ones_a, ones_b),
        _jaccard(first_a, first_b, in_b, weight_a, weight_b),
        _jaccard(pairs_a, pairs_b, pairs.any(2), ones_a[:, 1:], ones_b[:, 1:]),
        shorter.to(idf.dtype) / longer.clamp(min=1).to(idf.dtype),
        (at_the_same_place.sum(1) == longer).to(idf.dtype),
        same[:, :1, :1].any(2).any(1).to(idf.dtype),
    ]
    return 4 * torch.stack(features, dim=1) - 2


def swapped(features: torch.Tensor) -> torch.Tensor:
    """The features (batch, 10) of the same pairs with the second text first."""
    return torch.stack([features[:, place] for place in SWAPPED], dim=1)


def _to_the_left(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # Neighbours in a text are then neighbours in its row.
    order = (~mask).long().argsort(dim=1, stable=True)
    return ids.gather(1, order), mask.gather(1, order)


def _same(ids_a: torch.Tensor, mask_a: torch.Tensor, ids_b: torch.Tensor, mask_b: torch.Tensor) -> torch.Tensor:
    # (batch, time, other time): whether two tokens are the same.
    return (ids_a.unsqueeze(2) == ids_b.unsqueeze(1)) & mask_a.unsqueeze(2) & mask_b.unsqueeze(1)


def _first(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # (batch, time): whether a token is the first of its kind in the text.
    return mask & ~_same(ids, mask, ids, mask).tril(-1).any(2)


def _first_pair(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    # (batch, time - 1): whether a pair of neighbours is the first of its kind.
    same = _same(ids, mask, ids, mask)
    return mask[:, 1:] & ~(same[:, :-1, :-1] & same[:, 1:, 1:]).tril(-1).any(2)


def _share(found: torch.Tensor, mask: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return _over((weights * (found & mask)).sum(1), (weights * mask).sum(1))


def _jaccard(
    first_a: torch.Tensor,
    first_b: torch.Tensor,
    in_b: torch.Tensor,
    weight_a: torch.Tensor,
    weight_b: torch.Tensor,
) -> torch.Tensor:
    both = (weight_a * (first_a & in_b)).sum(1)
    return _over(both, (weight_a * first_a).sum(1) + (weight_b * first_b).sum(1) - both)


def _over(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    # A weight is above 0, so the whole is 0 where there is no token.
    return part / torch.where(whole > 0, whole, torch.ones_like(whole))
