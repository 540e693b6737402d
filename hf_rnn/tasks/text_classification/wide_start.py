"""The linear model that the wide part of a new classifier is, fitted before the network is trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import torch
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...data.batches.tags import IGNORED_LABEL
from ...data.tokenizers.spelling import spell_with_boundaries
from ...models.configuration_rnn import RecurrentConfig
from ...models.losses import classification_loss
from ...models.modeling_rnn import RecurrentForSequenceClassification
from ...models.wide import WidePart
from ..turns import turns
from .wide_fit import Bags, bags_of, fit, inverse_frequencies, log_count_ratios


__all__ = ["start_wide_part", "wide_values"]


logger = logging.getLogger(__name__)

# Ids of texts, and their labels.
Rows = tuple[list[list[int]], torch.Tensor]

# Numbers that all rows of the weights have together at most, 2 MB of float32, and rows.
MOST_NUMBERS, MOST_BUCKETS = 2**19, 2**17
# The longest token that the table spells whole.
LONGEST_TOKEN = 24
# What is tried: what weighs the n-grams, and how far the weights are let go.
TRIED = (("ratio", 10.0), ("frequency", 3.0), ("frequency", 30.0))
# The same where numbers are predicted: there are no ratios, and a squared error pulls harder.
TRIED_FOR_NUMBERS = (("frequency", 0.01), ("frequency", 0.1), ("frequency", 1.0))
# More tokens than these are not looked at, in choosing and in fitting.
MOST_TOKENS_CHOOSING, MOST_TOKENS = 150_000, 1_500_000


def wide_values(
    labels: int,
    tokenizer: PreTrainedTokenizerBase,
    overrides: Mapping[str, Any],
    encoder: RecurrentConfig | None = None,
) -> dict[str, int | None]:
    """The configuration of the wide part of a new classifier; `overrides` are the user's, who may want none.

    Args:
        labels: How many the model has: the more, the fewer rows have the weights.
        encoder: The configuration of a trained encoder below it; one that spells its tokens has a table of a width.
    """
    buckets = MOST_BUCKETS
    while buckets > 1 and buckets * labels > MOST_NUMBERS:
        buckets //= 2
    if overrides.get("wide_buckets", buckets) is None:
        return {}
    if encoder is not None and encoder.word_vocab_size is not None:
        return {"wide_buckets": buckets}
    longest = max(map(len, spell_with_boundaries(tokenizer)), default=0)
    return {"wide_buckets": buckets, "max_token_bytes": min(LONGEST_TOKEN, max(2, longest))}


def start_wide_part(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, datasets.Dataset],
    problem_type: str,
) -> None:
    """Give the wide part of `model`, if it has one that has learnt nothing yet, the linear model of the texts.

    Which of `TRIED` it is, is chosen by the loss on the validation texts, or by cross-validation where they are few.
    Of more than 1.5 million tokens a sample of the texts is fitted.

    Args:
        splits: `train`, and `validation` if there is one, tokenised and with `labels`.
        problem_type: As transformers names it.
    """
    wide = model.wide if isinstance(model, RecurrentForSequenceClassification) else None
    if wide is None or "train" not in splits or bool(wide.weight.any()):
        return
    wide.set_tokens(spell_with_boundaries(tokenizer))
    if wide.single_logit:
        problem_type = "multi_label_classification"
    outputs = wide.weight.shape[1]
    texts, labels = _rows(splits["train"], problem_type, MOST_TOKENS)
    if not texts:
        return
    weighing, strength = _chosen(wide, texts, labels, splits.get("validation"), problem_type)
    bags = bags_of(wide, texts)
    found = fit(bags, labels, problem_type, _scale(weighing, bags, labels, outputs), strength, outputs)
    wide.weight[bags.columns] = found.weight.to(wide.weight)
    wide.bias.copy_(found.bias)
    logger.info("The wide part has learnt %d texts: %s, strength %g.", len(texts), weighing, strength)


def _chosen(
    wide: WidePart,
    texts: Sequence[Sequence[int]],
    labels: torch.Tensor,
    validation: datasets.Dataset | None,
    problem_type: str,
) -> tuple[str, float]:
    # The one of `TRIED` with the smallest loss on texts that it was not fitted on.
    outputs = wide.weight.shape[1]
    tried = TRIED_FOR_NUMBERS if problem_type == "regression" else TRIED
    losses = [0.0] * len(tried)
    for fitted, others in _parts(*_first(texts, labels, MOST_TOKENS_CHOOSING), validation, problem_type):
        if not fitted[0] or not others[0]:
            return tried[1]
        bags = bags_of(wide, fitted[0])
        other_bags = bags_of(wide, others[0], bags.columns)
        for number, (weighing, strength) in enumerate(tried):
            scale = _scale(weighing, bags, fitted[1], outputs)
            found = fit(bags, fitted[1], problem_type, scale, strength, outputs)
            losses[number] += float(classification_loss(found.logits(other_bags), others[1], problem_type, 1))
    return tried[losses.index(min(losses))]


def _parts(
    texts: list[list[int]], labels: torch.Tensor, validation: datasets.Dataset | None, problem_type: str
) -> list[tuple[Rows, Rows]]:
    """The texts to fit on and those to choose by, as `turns` divides training and validation."""
    known: Rows = ([], labels[:0])
    if validation is not None and "labels" in validation.column_names:
        known = _rows(validation, problem_type, MOST_TOKENS_CHOOSING)
    every, every_label = [*texts, *known[0]], torch.cat([labels, known[1]])
    return [
        (_select(every, every_label, fitted), _select(every, every_label, others))
        for fitted, others in turns(len(texts), len(known[0]))
    ]


def _select(texts: Sequence[list[int]], labels: torch.Tensor, kept: torch.Tensor) -> Rows:
    return [texts[row] for row in kept.tolist()], labels[kept]


def _scale(weighing: str, bags: Bags, labels: torch.Tensor, outputs: int) -> torch.Tensor:
    if weighing == "frequency":
        return inverse_frequencies(bags)
    targets = labels.view(len(labels), -1) if labels.is_floating_point() else functional.one_hot(labels, outputs)
    return log_count_ratios(bags, targets.float())


def _rows(rows: datasets.Dataset, problem_type: str, most_tokens: int) -> tuple[list[list[int]], torch.Tensor]:
    # Ids and labels, whole numbers for classes; without rows that have no label.
    found = torch.tensor(rows["labels"][:])
    kept = torch.arange(len(found))
    if problem_type == "single_label_classification":
        kept = (found != IGNORED_LABEL).nonzero().flatten()
        labels = found[kept].long()
    else:
        labels = found.float()
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(0))
    ids = rows["input_ids"][:]
    return _first([list(ids[index]) for index in kept[order].tolist()], labels[order], most_tokens)


def _first(
    texts: Sequence[Sequence[int]], labels: torch.Tensor, most_tokens: int
) -> tuple[list[list[int]], torch.Tensor]:
    # As many of the first texts as have so many tokens together, at least one.
    so_far = torch.tensor([0, *map(len, texts)])[1:].cumsum(0)
    count = max(1, int((so_far <= most_tokens).sum()))
    return [list(text) for text in texts[:count]], labels[:count]
