"""Shows what two texts share to a classifier that reads them together, and what it would answer by that alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import SequenceClassifierOutput

from ..models.modeling_siamese import SiameseForPairClassification
from ..models.overlap import swapped
from ..models.together import alike
from .contributions.targets import find_target
from .evaluation import evaluation_mode
from .reading import Reading, read
from .steps import NotApplicableError


__all__ = ["FIGURES", "SharedTokens", "shared_tokens"]


# What `models.overlap.overlap_features` measures, in its order, and the direction of the embeddings.
FIGURES = (
    "of the first text's tokens in the second",
    "of the second text's tokens in the first",
    "the same of the first, weighed",
    "the same of the second, weighed",
    "tokens of both, of all of either",
    "the same, weighed",
    "neighbouring tokens of both, of all of either",
    "the shorter text's length, of the longer one's",
    "both are the same",
    "both begin with the same token",
    "cosine of the embeddings",
)


@dataclass(frozen=True)
class SharedTokens:
    """Attributes:
    figures: What is measured, each of `FIGURES` → a number from 0 to 1; the cosine goes from -1.
    tokens: The tokens of both texts, those of the first alone and those of the second alone, each once, in order.
    label: The label that the scores are of.
    score_name: "log-odds" (natural logarithm) or "number", as of `Contributions`.
    alone: The score by what both texts share alone.
    score: The score that the model gives.
    """

    figures: dict[str, float]
    tokens: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    label: str
    score_name: str
    alone: float
    score: float


@torch.no_grad()
def shared_tokens(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, text_pair: str, *, label: str | None = None
) -> SharedTokens:
    """What `text` and `text_pair` share to `model`.

    Args:
        model: A `SiameseForPairClassification` whose configuration has a `composition`.
        label: The name of the label that the scores are of; None: the one that the model answers.

    Raises:
        NotApplicableError: the model does not read two texts together.
        ValueError: a text is not as it must be, or there is no such label.
    """
    if not isinstance(model, SiameseForPairClassification) or model.together is None:
        raise NotApplicableError(
            f"`model` is a {type(model).__name__}; it must be a classifier that reads pairs together."
        )
    reading = read(model, tokenizer, text, text_pair)
    inputs = reading.inputs
    sides = [inputs[f"input_ids{suffix}"] for suffix in ("", "_b")]
    with evaluation_mode(model):
        outputs = model(**inputs)
        measured = model.together.overlap(*sides, *(torch.ones_like(ids, dtype=torch.bool) for ids in sides))
        same = alike(outputs.embeddings, outputs.embeddings_b)
        features = torch.cat([measured, same], dim=1)
        orders = [features, torch.cat([swapped(measured), same], dim=1)][: 1 + model.config.symmetric]
        logits = torch.stack([model.together.of_shared(order) for order in orders]).mean(0)
    target = find_target(model, reading, outputs, label)
    return SharedTokens(
        dict(zip(FIGURES, ((features[0] + 2) / 4).tolist(), strict=True)),
        _parted(reading),
        target.label,
        target.score_name,
        float(target.score(SequenceClassifierOutput(logits=logits))),
        float(target.score(outputs)),
    )


def _parted(reading: Reading) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    # As `SharedTokens.tokens`: a token is known by its id, and shown as it first stands in a text.
    found: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for side, piece, token in zip(reading.text_index, reading.pieces, reading.tokens, strict=True):
        number = int(reading.inputs["input_ids" + "_b" * side][0, piece])
        found[side].setdefault(number, token)
    first, second = found
    return (
        tuple(token for number, token in first.items() if number in second),
        tuple(token for number, token in first.items() if number not in second),
        tuple(token for number, token in second.items() if number not in first),
    )
