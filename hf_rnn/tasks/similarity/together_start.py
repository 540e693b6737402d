"""What a new classifier of pairs knows of the tokens that two texts share, fitted before the network is trained."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from itertools import chain
from typing import cast

import datasets
import torch
from torch import nn
from transformers import PreTrainedModel

from ...models.losses import classification_loss
from ...models.modeling_siamese import SiameseForPairClassification
from ...models.overlap import NUM_OVERLAP_FEATURES, swapped
from ...models.together import ReadTogether, alike
from ...training.length import FEWEST_EPOCHS, MOST_EPOCHS
from ..turns import turns


__all__ = ["most_epochs", "start_together"]


logger = logging.getLogger(__name__)

# How far the weights are held back: the factor of the sum of their squares beside the mean loss. What is tried.
TRIED = (0.001, 0.01, 0.1)
ITERATIONS = 100
# More pairs than these are not looked at.
MOST_PAIRS = 5_000
PAIRS_AT_ONCE = 64


def most_epochs(pairs: int) -> int:
    """The largest number of epochs of a training on so many pairs: one for every two of them, from 10 to 300.

    What two texts share is a good beginning, which a network that reads few pairs forgets: trained on 45 or 90 pairs
    of questions for the 600 updates of others, it tells new pairs apart worse than before the first. On 180 they pay.

    Example:
        >>> [most_epochs(pairs) for pairs in (10, 45, 90, 5000)]
        [10, 22, 45, 300]
    """
    return min(max(FEWEST_EPOCHS, pairs // 2), MOST_EPOCHS)


def start_together(model: PreTrainedModel, splits: Mapping[str, datasets.Dataset]) -> None:
    """Let a new model that reads pairs together begin with what the overlap of the training pairs says.

    The tokens are weighed by the texts, the logits by what two texts share are fitted by L-BFGS, and the rest of the
    network, whose last layer is set to zero, adds nothing at first. Which of `TRIED` holds the weights back is chosen
    by the loss on the validation pairs, or by cross-validation where they are few. A model whose tokens are weighed
    already stays as it is.

    Args:
        splits: `train`, and `validation` if there is one, tokenised and with `labels`.
    """
    if not isinstance(model, SiameseForPairClassification) or model.together is None or "train" not in splits:
        return
    train, overlap = splits["train"], model.together.overlap
    if overlap.counted:
        return
    overlap.count(chain(train["input_ids"], train["input_ids_b"]))
    if not len(train):
        return
    pairs = _features(model, train)
    validation = splits.get("validation")
    others = None if validation is None or not len(validation) else _features(model, validation)
    strength = _chosen(model, pairs, others)
    model.together.wide.load_state_dict(_fitted(model, *pairs, strength).state_dict())
    nn.init.zeros_(model.output.weight)
    nn.init.zeros_(model.output.bias)
    logger.info("What two texts share has been fitted on %d pairs: strength %g.", len(pairs[0]), strength)


Pairs = tuple[torch.Tensor, torch.Tensor]


@torch.no_grad()
def _features(model: SiameseForPairClassification, rows: datasets.Dataset) -> Pairs:
    # What the texts of each pair share, and the labels, of at most so many pairs, in another order.
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_PAIRS].tolist()
    columns = [rows[name][:] for name in ("input_ids", "input_ids_b")]
    # Pairs of similar length are computed together.
    order.sort(key=lambda index: sum(len(column[index]) for column in columns))
    training, together = model.training, cast(ReadTogether, model.together)
    found = []
    for start in range(0, len(order), PAIRS_AT_ONCE):
        chosen = order[start : start + PAIRS_AT_ONCE]
        (a, mask_a), (b, mask_b) = (_batch([column[i] for i in chosen], model.device) for column in columns)
        u, v = (model.eval().model(ids, mask.long()).embeddings for ids, mask in ((a, mask_a), (b, mask_b)))
        found.append(torch.cat([together.overlap(a, b, mask_a, mask_b), alike(u, v)], dim=1))
    model.train(training)
    labels = torch.tensor(rows["labels"][:])[order]
    return torch.cat(found), labels.to(model.device)


def _batch(texts: list[list[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(text) for text in texts])
    mask = torch.arange(max(1, int(lengths.max()))) < lengths.unsqueeze(1)
    ids = torch.zeros(mask.shape, dtype=torch.long)
    ids[mask] = torch.tensor([token for text in texts for token in text], dtype=torch.long)
    return ids.to(device), mask.to(device)


def _chosen(model: SiameseForPairClassification, pairs: Pairs, others: Pairs | None) -> float:
    # The one of `TRIED` with the smallest loss on pairs that it was not fitted on.
    features, labels = pairs if others is None else map(torch.cat, zip(pairs, others, strict=True))
    losses = [0.0] * len(TRIED)
    for fitted, rest in turns(len(pairs[1]), len(labels) - len(pairs[1])):
        if not len(fitted) or not len(rest):
            return TRIED[1]
        for number, strength in enumerate(TRIED):
            layers = _fitted(model, features[fitted], labels[fitted], strength)
            with torch.no_grad():
                losses[number] += float(_loss(model, layers, features[rest], labels[rest])) * len(rest)
    return TRIED[losses.index(min(losses))]


def _fitted(
    model: SiameseForPairClassification, features: torch.Tensor, labels: torch.Tensor, strength: float
) -> nn.Module:
    # The layers from what is shared to the logits, fitted from where they are in `model`, which is not changed.
    layers = copy.deepcopy(cast(ReadTogether, model.together).wide)
    weights = [parameter for name, parameter in layers.named_parameters() if name.endswith("weight")]
    optimizer = torch.optim.LBFGS(layers.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = _loss(model, layers, features, labels)
            loss = loss + strength * torch.stack([weight.square().sum() for weight in weights]).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return layers


def _loss(
    model: SiameseForPairClassification, layers: nn.Module, features: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    logits = layers(features)
    if model.config.symmetric:
        back = torch.cat([swapped(features), features[:, NUM_OVERLAP_FEATURES:]], dim=1)
        logits = (logits + layers(back)) / 2
    return classification_loss(logits, labels, model.config.problem_type)
