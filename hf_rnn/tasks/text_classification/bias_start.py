"""The bias that a new classifier's last layer starts with: what the training labels are without regard to the text."""

from __future__ import annotations

from collections.abc import Mapping

import datasets
import torch
from transformers import PreTrainedModel

from ...models.modeling_rnn import RecurrentForSequenceClassification


__all__ = ["start_bias"]


def start_bias(model: PreTrainedModel, splits: Mapping[str, datasets.Dataset], problem_type: str) -> None:
    """Let the last layer of a recurrent model that predicts numbers start at the mean of the training numbers.

    From 0 the first updates would do nothing but move all predictions there, and a short training would end before
    the network has learnt to tell texts apart. A bias that is not 0 has been learnt, and stays.

    Args:
        splits: `train`, tokenised and with `labels`.
        problem_type: As transformers names it; only `"regression"` has a mean.
    """
    if problem_type != "regression" or "train" not in splits or not len(splits["train"]):
        return
    bias = model.classifier.output.bias if isinstance(model, RecurrentForSequenceClassification) else None
    if bias is None or bool(bias.any()):
        return
    numbers = torch.tensor(splits["train"]["labels"][:], dtype=torch.float64)
    with torch.no_grad():
        bias.copy_(numbers.view(len(numbers), -1).mean(0))
