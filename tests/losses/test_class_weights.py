"""Cross-entropy by the weights of the classes, beside torch's and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from hf_rnn.losses import balanced_class_weights, label_weights, weighted_cross_entropy


WEIGHTS = torch.tensor([0.5, 2.0, 3.0])
LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, -100, 1, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_is_that_of_torch(smoothing: float) -> None:
    expected = functional.cross_entropy(LOGITS, LABELS, weight=WEIGHTS, label_smoothing=smoothing)
    torch.testing.assert_close(weighted_cross_entropy(LOGITS, LABELS, WEIGHTS, smoothing), expected)


def test_micro_batches_sum_up_to_the_whole() -> None:
    total = label_weights(LABELS, WEIGHTS)
    parts = [
        weighted_cross_entropy(LOGITS[part], LABELS[part], WEIGHTS, total_weight=total)
        for part in (slice(0, 1), slice(1, 4), slice(4, 6))
    ]
    torch.testing.assert_close(sum(parts), weighted_cross_entropy(LOGITS, LABELS, WEIGHTS))


def test_nothing_that_counts_is_a_loss_of_nought() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = weighted_cross_entropy(logits, torch.full((6,), -100), WEIGHTS)
    loss.backward()
    assert loss == 0 and logits.grad is not None and not logits.grad.any()


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2, 2, -100])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels[:-1].numpy())
    torch.testing.assert_close(balanced_class_weights(labels, ["a", "b", "c"]), torch.tensor(expected).float())
    with pytest.raises(ValueError, match="has no weight for 'd', which no training row has"):
        balanced_class_weights(labels, ["a", "b", "c", "d"])
