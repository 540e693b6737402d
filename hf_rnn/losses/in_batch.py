"""Losses of a batch of duplicates: row i of `a` belongs with row i of `b`, and every other row of `b` is a negative.

They take no labels. That no other row is a duplicate after all is for the sampler to see to
(`pair_samplers.GroupedPairSampler`). A batch of one has no negative: its loss is 0 with a gradient of 0.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from ..models.similarity import matrix
from .checks import check_choice, check_embeddings, check_scale, check_smoothing
from .named import NamedLoss


__all__ = ["LOSSES", "HardNegativeBatchLoss", "MultipleNegativesRankingLoss"]


class HardNegativeBatchLoss(nn.Module):
    """The mean negative and the closest negative of each row, both a margin below the duplicate.

    With S the cosines of the rows of A and B, S = A · Bᵀ of their directions, and sᵢᵢ those of the duplicates,

        mean_negᵢ    = mean of sᵢⱼ over j ≠ i
        closest_negᵢ = max of sᵢⱼ over j ≠ i with sᵢⱼ ≤ sᵢᵢ
        cost1ᵢ       = max(0, margin − sᵢᵢ + mean_negᵢ)
        cost2ᵢ       = max(0, margin − sᵢᵢ + closest_negᵢ)

    and the loss is the mean, or the sum, over i of cost1ᵢ + cost2ᵢ. What is above the diagonal is masked in
    closest_neg, as hard negatives beyond the positive can collapse the embeddings (Schroff et al. 2015,
    https://arxiv.org/abs/1503.03832, section 3.2), but counts in mean_neg; cost2 is 0 in a row where all others are
    above the diagonal.

    This is the loss of the well-known course exercise on Quora's question pairs, which takes the sum. In place of
    masking, that one subtracts 2; the two differ only in rows where all others are above the diagonal, and one by more
    than 2 − margin.

    Args:
        margin: α, a difference of cosines.
        reduction: Over the rows, `"mean"` or `"sum"`.

    Example:
        >>> a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> b = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
        >>> HardNegativeBatchLoss(margin=0.25, reduction="sum")(a, b)  # 0.25 − 1 + 0.6 and 0.25 − 0.8 + 0 are below 0
        tensor(0.)
        >>> HardNegativeBatchLoss(margin=0.5, reduction="sum")(a, b)  # twice 0.5 − 1 + 0.6 in the first row
        tensor(0.2000)

    Raises:
        ValueError: `margin` is not a finite number above 0, or `reduction` is another.
    """

    def __init__(self, margin: float = 0.25, reduction: str = "mean") -> None:
        super().__init__()
        check_scale("margin", margin)
        check_choice("reduction", reduction, ("mean", "sum"))
        self.margin = margin
        self.reduction = reduction

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features), each row a duplicate of the same row of `a`, and of no other.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree.
        """
        check_embeddings(a=a, b=b)
        scores = matrix(a, b, "cosine")  # (batch, batch)
        positive = scores.diagonal()
        itself = torch.eye(len(a), dtype=torch.bool, device=a.device)
        # The divisor is at least one: the only row of a batch has the mean 0, not NaN, and is left out below.
        mean_negative = scores.masked_fill(itself, 0).sum(1) / max(1, len(a) - 1)
        masked = itself | (scores > positive.unsqueeze(1))
        closest_negative = scores.masked_fill(masked, -math.inf).amax(1)
        costs = functional.relu(self.margin - positive + mean_negative)
        costs = costs + functional.relu(self.margin - positive + closest_negative)
        if len(a) == 1:
            costs = costs * 0
        return costs.sum() if self.reduction == "sum" else costs.mean()


class MultipleNegativesRankingLoss(nn.Module):
    """Each duplicate told from the others of its batch: cross-entropy of a softmax over the batch.

    With S the similarities of all rows of A and B, the loss is the mean over i of

        −log(exp(scale · sᵢᵢ) / Σⱼ exp(scale · sᵢⱼ))

    `symmetric` takes the mean of this and of the same over the columns: each `b` also told from the other `a`.
    Henderson et al. 2017 (https://arxiv.org/abs/1705.00652), section 4.4, there with dot products; label smoothing is
    that of Szegedy et al. 2016 (https://arxiv.org/abs/1512.00567), section 7.

    Args:
        scale: The factor of the similarities; the inverse of a temperature. With `"dot"` 1 is usual.
        similarity: `"cosine"` or `"dot"`.
        symmetric: Rank the rows of `a` for each `b`, too.
        label_smoothing: ε in [0, 1): the share of the target that is spread evenly over the batch.

    Example:
        >>> a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> b = torch.tensor([[2.0, 0.0], [0.6, 0.8]])
        >>> loss = MultipleNegativesRankingLoss(scale=5.0)
        >>> loss(a, b)  # (log(1 + exp(5 · (0.6 − 1))) + log(1 + exp(5 · (0 − 0.8)))) / 2
        tensor(0.0725)

    Raises:
        ValueError: `scale` is not a finite number above 0, `similarity` is another, or `label_smoothing` is out of
            [0, 1).
    """

    def __init__(
        self, scale: float = 20.0, similarity: str = "cosine", symmetric: bool = False, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        check_scale("scale", scale)
        check_choice("similarity", similarity, ("cosine", "dot"))
        check_smoothing(label_smoothing)
        self.scale = scale
        self.similarity = similarity
        self.symmetric = symmetric
        self.label_smoothing = label_smoothing

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features), each row a duplicate of the same row of `a`, and of no other.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree.
        """
        check_embeddings(a=a, b=b)
        scores = self.scale * matrix(a, b, self.similarity)  # (batch, batch)
        loss = self._ranking(scores)
        return 0.5 * (loss + self._ranking(scores.T)) if self.symmetric else loss

    def _ranking(self, scores: torch.Tensor) -> torch.Tensor:
        targets = torch.arange(len(scores), device=scores.device)
        return functional.cross_entropy(scores, targets, label_smoothing=self.label_smoothing)


# The rows of these losses in `objective.LOSSES`.
LOSSES = {
    "multiple_negatives": NamedLoss(MultipleNegativesRankingLoss, "duplicates", "cosine"),
    "hard_negative_batch": NamedLoss(HardNegativeBatchLoss, "duplicates", "cosine"),
}
