"""Mining: the triplets of a labelled batch that a network learns most from.

Both functions choose among all rows of the batch by a matrix of distances and return positions in the batch. A row
without another of its label, or in a batch of one label, is the anchor of no triplet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch


__all__ = ["Triplets", "batch_hard_triplets", "semi_hard_triplets"]


class Triplets(NamedTuple):
    """The anchors, positives and negatives that were found in a batch: positions in it, with d(a, p) − d(a, n) to be
    made small (Schroff et al. 2015, https://arxiv.org/abs/1503.03832).

    Attributes:
        anchors, positives, negatives: int64, (triplets) each.

    Example:
        >>> Triplets(torch.tensor([0]), torch.tensor([1]), torch.tensor([2])).negatives
        tensor([2])
    """

    anchors: torch.Tensor
    positives: torch.Tensor
    negatives: torch.Tensor


def batch_hard_triplets(distances: torch.Tensor, labels: torch.Tensor) -> Triplets:
    """Take for each anchor a its furthest positive, argmax over p of d(a, p), and its closest negative, argmin over n
    of d(a, n).

    Hermans et al. 2017 (https://arxiv.org/abs/1703.07737), equation 5.

    Args:
        distances: (batch, batch), from row to row.
        labels: (batch), equal for what belongs together.

    Returns:
        One triplet for each row that has both a positive and a negative.

    Example:
        >>> places = torch.tensor([[0.0], [1.0], [3.0], [5.0]])
        >>> batch_hard_triplets(torch.cdist(places, places), torch.tensor([0, 0, 1, 1])).negatives
        tensor([2, 2, 1, 1])
    """
    positive, negative = _masks(labels)
    anchors = (positive.any(1) & negative.any(1)).nonzero().squeeze(1)
    furthest = distances.masked_fill(~positive, -math.inf).argmax(1)
    closest = distances.masked_fill(~negative, math.inf).argmin(1)
    return Triplets(anchors, furthest[anchors], closest[anchors])


def semi_hard_triplets(distances: torch.Tensor, labels: torch.Tensor) -> Triplets:
    """Take for each anchor a and positive p the closest negative beyond the positive, the n with the least d(a, n) of
    those with d(a, n) − d(a, p) > 0; the furthest negative where none is beyond.

    Schroff et al. 2015 (https://arxiv.org/abs/1503.03832), section 3.2: the closest negatives of all can collapse the
    embeddings to a point early in training. The paper leaves open what to do where no negative is beyond the positive;
    the furthest is what is nearest to being so.

    Args:
        distances: (batch, batch), from row to row.
        labels: (batch), equal for what belongs together.

    Returns:
        One triplet for each ordered pair of the same label whose anchor has a negative.

    Example:
        >>> places = torch.tensor([[0.0], [1.0], [0.5], [1.4]])
        >>> semi_hard_triplets(torch.cdist(places, places), torch.tensor([0, 0, 1, 2])).negatives
        tensor([3, 2])
    """
    positive, negative = _masks(labels)
    anchors, positives = (positive & negative.any(1, keepdim=True)).nonzero(as_tuple=True)
    rows, negative = distances[anchors], negative[anchors]  # (triplets, batch)
    beyond = negative & (rows > distances[anchors, positives].unsqueeze(1))
    closest = rows.masked_fill(~beyond, math.inf).argmin(1)
    furthest = rows.masked_fill(~negative, -math.inf).argmax(1)
    return Triplets(anchors, positives, torch.where(beyond.any(1), closest, furthest))


def _masks(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # (batch, batch) each: which columns are positives, and which negatives, of a row. No row is its own positive.
    same = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return same & ~itself, ~same
