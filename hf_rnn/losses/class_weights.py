"""Cross-entropy in which some classes count for more, and weights by which rare classes count as much as others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


__all__ = ["balanced_class_weights", "label_weights", "weighted_cross_entropy"]


# The label of what is not learnt from.
IGNORED = -100


def weighted_cross_entropy(
    logits: torch.Tensor,
    labels: torch.Tensor,
    class_weights: torch.Tensor,
    label_smoothing: float = 0.0,
    total_weight: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """Cross-entropy in which an item counts by the weight of its class: with p = softmax(logits) and the label y,

        Σᵢ −w_yᵢ · log pᵢ[yᵢ] / Σᵢ w_yᵢ

    which is `torch.nn.functional.cross_entropy(logits, labels, weight=class_weights)`. Where each micro-batch of a
    step is given the `total_weight` of all of them, accumulated gradients are those of one large batch. Weighing by
    the class follows King & Zeng 2001 (https://doi.org/10.1093/oxfordjournals.pan.a004868), section 4; label smoothing
    is that of Szegedy et al. 2016 (https://arxiv.org/abs/1512.00567), section 7.

    Args:
        logits: (…, classes).
        labels: (…) class numbers, or -100 for what does not count.
        class_weights: (classes) numbers of at least 0.
        label_smoothing: ε in [0, 1): the share of the target that is spread evenly over the classes.
        total_weight: What the sum is divided by. Default: the weights of `labels` here.

    Returns:
        The loss, a scalar; 0 where nothing counts.

    Example:
        >>> logits, labels = torch.tensor([[0.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1])
        >>> weighted_cross_entropy(logits, labels, torch.tensor([3.0, 1.0]))  # (3 · 1.3133 + 1 · 0.3133) / 4
        tensor(1.0633)
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        # A sum over a batch loses too much in half precision.
        logits = logits.float()
    weights = class_weights.to(logits)
    total = functional.cross_entropy(
        logits.flatten(0, -2),
        labels.flatten().long(),
        weight=weights,
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
        reduction="sum",
    )
    whole = label_weights(labels, weights) if total_weight is None else torch.as_tensor(total_weight).to(logits)
    return total / torch.where(whole > 0, whole, torch.ones_like(whole))


def label_weights(labels: torch.Tensor, class_weights: torch.Tensor) -> torch.Tensor:
    """Sum the weights of the classes that `labels` name, Σᵢ w_yᵢ: what the loss of King & Zeng 2001
    (https://doi.org/10.1093/oxfordjournals.pan.a004868) is divided by.

    Args:
        labels: Class numbers of any shape, or -100 for what does not count.
        class_weights: (classes).

    Returns:
        A scalar.

    Example:
        >>> label_weights(torch.tensor([0, 1, 1, -100]), torch.tensor([3.0, 1.0]))
        tensor(5.)
    """
    return class_weights.to(labels.device)[labels[labels != IGNORED].long()].sum()


def balanced_class_weights(labels: torch.Tensor, class_names: Sequence[str]) -> torch.Tensor:
    """Weights with which each class has the same part in the loss, however rare it is: of n labels and k classes

        w_c = n / (k · n_c)

    the mean of which over the labels is 1. This is the heuristic of King & Zeng 2001
    (https://doi.org/10.1093/oxfordjournals.pan.a004868) as scikit-learn computes it for `class_weight="balanced"`.

    Args:
        labels: Class numbers of any shape, or -100 for what does not count.
        class_names: The names of the k classes, in order of their numbers.

    Returns:
        (classes).

    Example:
        >>> balanced_class_weights(torch.tensor([0, 0, 0, 1]), ["negative", "positive"])
        tensor([0.6667, 2.0000])

    Raises:
        ValueError: a class has no label.
    """
    counts = torch.bincount(labels[labels != IGNORED].long().flatten(), minlength=len(class_names)).double()
    if (counts == 0).any():
        absent = class_names[int((counts == 0).nonzero()[0])]
        raise ValueError(
            f"`class_weights`='balanced' has no weight for {absent!r}, which no training row has; give a list with a "
            "weight for each class."
        )
    return (counts.sum() / (len(class_names) * counts)).float()
