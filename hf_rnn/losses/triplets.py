"""Triplet losses: an anchor closer to its positive than to its negative, by a margin; triplets given or mined."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from ..models.similarity import matrix, pairwise
from .checks import check_choice, check_embeddings, check_labels, check_scale
from .mining import Triplets, batch_hard_triplets, semi_hard_triplets
from .named import NamedLoss


__all__ = ["LOSSES", "BatchHardTripletLoss", "BatchSemiHardTripletLoss", "TripletLoss"]

_DISTANCES = ("euclidean", "cosine")


class _Margin(nn.Module):
    # The margin and the distance, which all of these losses have.

    def __init__(self, margin: float, distance: str) -> None:
        super().__init__()
        check_scale("margin", margin)
        check_choice("distance", distance, _DISTANCES)
        self.margin = margin
        self.distance = distance

    def _losses(self, to_positive: torch.Tensor, to_negative: torch.Tensor) -> torch.Tensor:
        # A difference of similarities is the other way round than one of distances, and the 1 of 1 − cos(x, y)
        # cancels.
        return functional.relu(to_negative - to_positive + self.margin)


class TripletLoss(_Margin):
    """The mean over the batch of

        max(0, d(a, p) − d(a, n) + margin)

    with d = ‖x − y‖₂, or d = 1 − cos(x, y).

    Schroff et al. 2015 (https://arxiv.org/abs/1503.03832), equation 3. There the distances are squared and the
    embeddings have length 1; as ‖x − y‖² = 2 · (1 − cos(x, y)) then, the cosine with half the margin gives half that
    loss.

    Args:
        margin: In units of the distance; a cosine distance lies in [0, 2].
        distance: `"euclidean"` or `"cosine"`.

    Example:
        >>> anchor = torch.tensor([[0.0, 0.0]])
        >>> positive, negative = torch.tensor([[0.6, 0.8]]), torch.tensor([[0.0, 1.5]])
        >>> TripletLoss(margin=1.0)(anchor, positive, negative)  # 1 − 1.5 + 1
        tensor(0.5000)

    Raises:
        ValueError: `margin` is not a finite number above 0, or `distance` is another.
    """

    def __init__(self, margin: float = 1.0, distance: str = "euclidean") -> None:
        super().__init__(margin, distance)

    def forward(self, anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        """Args:
            anchor: (batch, features).
            positive: (batch, features), each similar to its anchor.
            negative: (batch, features), each not.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree.
        """
        check_embeddings(anchor=anchor, positive=positive, negative=negative)
        to_positive, to_negative = (pairwise(anchor, other, self.distance) for other in (positive, negative))
        return self._losses(to_positive, to_negative).mean()


class _MinedTripletLoss(_Margin):
    # The triplet loss of what `_mine` finds in a batch.

    _mine: Callable[[torch.Tensor, torch.Tensor], Triplets]

    def __init__(self, margin: float = 1.0, distance: str = "euclidean") -> None:
        super().__init__(margin, distance)

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            embeddings: (batch, features).
            labels: (batch), equal for what belongs together.

        Returns:
            The mean of the triplets' losses, a scalar; 0 with a gradient of 0 where the batch has no triplet: no two
            rows of one label, or only one label.

        Raises:
            ValueError: the shapes disagree.
        """
        check_embeddings(embeddings=embeddings)
        check_labels(labels, len(embeddings))
        similarities = matrix(embeddings, embeddings, self.distance)
        anchors, positives, negatives = self._mine(-similarities.detach(), labels)
        losses = self._losses(similarities[anchors, positives], similarities[anchors, negatives])
        return losses.sum() / max(1, len(losses))


class BatchHardTripletLoss(_MinedTripletLoss):
    """Each anchor of a batch with its furthest positive p and its closest negative n: the mean over the anchors of

        max(0, max over p of d(a, p) − min over n of d(a, n) + margin)

    with d = ‖x − y‖₂, or d = 1 − cos(x, y). An anchor without a positive or without a negative does not count.

    Hermans et al. 2017 (https://arxiv.org/abs/1703.07737), equation 5.

    Args:
        margin: In units of the distance; a cosine distance lies in [0, 2].
        distance: `"euclidean"` or `"cosine"`.

    Example:
        >>> embeddings = torch.tensor([[0.0], [1.0], [3.0], [5.0]])
        >>> loss = BatchHardTripletLoss(margin=1.5)
        >>> loss(embeddings, torch.tensor([0, 0, 1, 1]))  # (max(0, 1 − 3 + m) + (1 − 2 + m) + (2 − 2 + m) + ...) / 4
        tensor(0.5000)

    Raises:
        ValueError: `margin` is not a finite number above 0, or `distance` is another.
    """

    _mine = staticmethod(batch_hard_triplets)


class BatchSemiHardTripletLoss(_MinedTripletLoss):
    """Each anchor and positive of a batch with the closest negative that is further than the positive, or where there
    is none with the furthest negative: the mean over the pairs (a, p) of

        max(0, d(a, p) − d(a, n) + margin)

    with d = ‖x − y‖₂, or d = 1 − cos(x, y). An anchor without a positive or without a negative does not count.

    Schroff et al. 2015 (https://arxiv.org/abs/1503.03832), section 3.2.

    Args:
        margin: In units of the distance; a cosine distance lies in [0, 2].
        distance: `"euclidean"` or `"cosine"`.

    Example:
        >>> embeddings = torch.tensor([[0.0], [1.0], [0.5], [1.4]])
        >>> loss = BatchSemiHardTripletLoss(margin=0.5)
        >>> loss(embeddings, torch.tensor([0, 0, 1, 2]))  # (1 − 1.4 + 0.5, 1 − 0.5 + 0.5) / 2
        tensor(0.5500)

    Raises:
        ValueError: `margin` is not a finite number above 0, or `distance` is another.
    """

    _mine = staticmethod(semi_hard_triplets)


# The rows of these losses in `objective.LOSSES`.
LOSSES = {
    "triplet": NamedLoss(TripletLoss, "triplets", "euclidean"),
    "batch_hard_triplet": NamedLoss(BatchHardTripletLoss, "groups", "euclidean"),
    "batch_semi_hard_triplet": NamedLoss(BatchSemiHardTripletLoss, "groups", "euclidean"),
}
