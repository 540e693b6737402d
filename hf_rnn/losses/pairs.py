"""Losses of labelled or scored pairs: row i of `a` belongs with row i of `b`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..models.looks import require
from ..models.similarity import pairwise
from .checks import check_embeddings, check_labels, check_scale, check_smoothing
from .named import NamedLoss


__all__ = [
    "LOSSES",
    "CoSENTLoss",
    "ContrastiveLoss",
    "CosineMseLoss",
    "MaLstmLoss",
    "PairClassificationLoss",
    "PairRegressionLoss",
]


class ContrastiveLoss(nn.Module):
    """Similar pairs close, other pairs at least a margin apart.

    With D = ‖a − b‖₂ and the label y, **1 for a similar pair and 0 for any other**, the loss is the mean over the
    batch of

        ½ · [y · D² + (1 − y) · max(0, margin − D)²]

    Hadsell et al. 2006 (https://doi.org/10.1109/CVPR.2006.100), equation 4, where Y is the other way round: 0 is
    similar.

    Args:
        margin: How far apart pairs that are not similar are pushed, a distance in the space of the embeddings.

    Example:
        >>> loss = ContrastiveLoss(margin=1.0)
        >>> a = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
        >>> b = torch.tensor([[0.6, 0.8], [0.3, 0.4]])
        >>> loss(a, b, torch.tensor([1, 0]))  # (½ · 1² + ½ · (1 − ½)²) / 2
        tensor(0.3125)

    Raises:
        ValueError: `margin` is not a finite number above 0.
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        check_scale("margin", margin)
        self.margin = margin

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features).
            labels: (batch) of 1, similar, or 0.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree, or a label is neither 0 nor 1.
        """
        check_embeddings(a=a, b=b)
        check_labels(labels, len(a))
        right, allowed = (labels == 0) | (labels == 1), "it must be 1, similar, or 0."
        require(right, f"`labels`: {allowed}", lambda: f"`labels` holds {labels[~right][0].item()}; {allowed}")
        distance = -pairwise(a, b, "euclidean")
        apart = functional.relu(self.margin - distance)
        return 0.5 * torch.where(labels == 1, distance.square(), apart.square()).mean()


class CosineMseLoss(nn.Module):
    """Squared error of the cosine against a graded score: the mean over the batch of

        (cos(a, b) − y)²

    The regression objective of Reimers & Gurevych 2019 (https://arxiv.org/abs/1908.10084), section 3. The cosine of a
    vector of zeros is 0.

    Example:
        >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> CosineMseLoss()(a, b, torch.tensor([1.0]))  # (0.6 − 1)²
        tensor(0.1600)
    """

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features).
            labels: (batch), scores in [-1, 1]; those of another range (STS-B: 0 to 5) are to be scaled first.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree, or a score is out of the cosine's range.
        """
        check_embeddings(a=a, b=b)
        check_labels(labels, len(a), -1, 1)
        cosine = pairwise(a, b, "cosine")
        return functional.mse_loss(cosine, labels.to(cosine.dtype))


class MaLstmLoss(nn.Module):
    """Squared error of the Manhattan similarity against a score: the mean over the batch of

        (exp(−‖a − b‖₁) − y)²

    The Manhattan LSTM of Mueller & Thyagarajan 2016 (https://doi.org/10.1609/aaai.v30i1.10350).

    Example:
        >>> a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.25, -0.25]])
        >>> MaLstmLoss()(a, b, torch.tensor([1]))  # (exp(−½) − 1)²
        tensor(0.1548)
    """

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features).
            labels: (batch), 0 or 1, or scores scaled to [0, 1].

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree, or a score is out of [0, 1].
        """
        check_embeddings(a=a, b=b)
        check_labels(labels, len(a), 0, 1)
        similarity = pairwise(a, b, "manhattan")
        return functional.mse_loss(similarity, labels.to(similarity.dtype))


class CoSENTLoss(nn.Module):
    """Cosines in the order of the scores, whatever the scale of these.

    With sᵢ the cosine of pair i and yᵢ its score,

        log(1 + Σ exp(scale · (sⱼ − sᵢ)))  over all i, j in the batch with yᵢ > yⱼ

    Su 2022 (https://kexue.fm/archives/8847); its λ is `scale`. A batch in which no score is higher than another, and
    so any batch of one, has the loss 0 with a gradient of 0.

    Args:
        scale: How sharply a wrong order is told from a right one; the inverse of a temperature.

    Example:
        >>> a = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
        >>> b = torch.tensor([[0.0, 1.0], [3.0, 4.0]])
        >>> CoSENTLoss(scale=5.0)(a, b, torch.tensor([4.5, 1.0]))  # log(1 + exp(5 · (0.6 − 0)))
        tensor(3.0486)

    Raises:
        ValueError: `scale` is not a finite number above 0.
    """

    def __init__(self, scale: float = 20.0) -> None:
        super().__init__()
        check_scale("scale", scale)
        self.scale = scale

    def forward(self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            a: (batch, features).
            b: (batch, features).
            labels: (batch), any numbers, larger for more similar pairs; 0 and 1 will do.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree, or a score is NaN.
        """
        check_embeddings(a=a, b=b)
        check_labels(labels, len(a))
        scores = self.scale * pairwise(a, b, "cosine")
        # excess[i, j]: how far the cosine of pair j is above that of pair i.
        excess = (scores[None, :] - scores[:, None])[labels[:, None] > labels[None, :]]
        return torch.cat([excess.new_zeros(1), excess]).logsumexp(dim=0)


class PairClassificationLoss(nn.Module):
    """Cross-entropy of the logits that a `SiameseForPairClassification` has for its pairs: the mean over the batch of

        −log(softmax(logits)_y)

    The classification objective of Reimers & Gurevych 2019 (https://arxiv.org/abs/1908.10084), section 3, after
    Conneau et al. 2017 (https://aclanthology.org/D17-1070).

    Args:
        label_smoothing: ε in [0, 1): the share of the target that is spread evenly over the labels.

    Example:
        >>> PairClassificationLoss()(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))  # log(1 + exp(−1))
        tensor(0.3133)

    Raises:
        ValueError: `label_smoothing` is out of [0, 1).
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        check_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            logits: (batch, labels).
            labels: (batch), which of them is right.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree, or there is no such label.
        """
        check_embeddings(logits=logits)
        check_labels(labels, len(logits), 0, logits.shape[1] - 1)
        return functional.cross_entropy(logits, labels.long(), label_smoothing=self.label_smoothing)


class PairRegressionLoss(nn.Module):
    """Squared error of the number that a `SiameseForPairClassification` of one label has for its pairs, as by the
    `MSELoss` of torch (https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html): the mean over the
    batch of

        (logit − y)²

    Example:
        >>> PairRegressionLoss()(torch.tensor([[0.5]]), torch.tensor([1.0]))  # (0.5 − 1)²
        tensor(0.2500)
    """

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Args:
            logits: (batch, 1).
            labels: (batch), the scores.

        Returns:
            The loss, a scalar.

        Raises:
            ValueError: the shapes disagree.
        """
        check_embeddings(logits=logits)
        check_labels(labels, len(logits))
        if logits.shape[1] != 1:
            raise ValueError(f"`logits` has {logits.shape[1]} columns; a score has one: `num_labels` must be 1.")
        return functional.mse_loss(logits.squeeze(1), labels.to(logits.dtype))


# The rows of these losses in `objective.LOSSES`.
LOSSES = {
    "contrastive": NamedLoss(ContrastiveLoss, "pairs", "euclidean"),
    "cosine_mse": NamedLoss(CosineMseLoss, "pairs", "cosine", of_scores=True),
    "cosent": NamedLoss(CoSENTLoss, "pairs", "cosine", of_scores=True),
    "malstm": NamedLoss(MaLstmLoss, "pairs", "manhattan", of_scores=True),
    "classification": NamedLoss(PairClassificationLoss, "logits", "cosine"),
    "regression": NamedLoss(PairRegressionLoss, "logits", "cosine", of_scores=True),
}
