"""The number that contributions are contributions to: what a model says of one label, or how alike two texts are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from ...models.modeling_rnn import RecurrentForTokenClassification
from ...models.modeling_siamese import SiameseModel
from ..reading import Reading


__all__ = [
    "Score",
    "Target",
    "TargetName",
    "find_target",
    "label_name",
    "label_number",
    "log_odds",
    "predicted_labels",
    "refuse_steps",
]


# A model's output, whose class differs with the kind of model.
Score = Callable[[Any], torch.Tensor]
# A `target` may be a label or its number; for a tagger a word's number, or it and a label.
TargetName = str | int | tuple[int, str | int]


@dataclass(frozen=True)
class Target:
    """Attributes:
    label: Its name; for a similarity how it is computed, such as "cosine".
    score_name: What the score is: "log-odds", "logit", "number" or "similarity".
    score: The function from a model's output for a batch to the scores (batch).
    word: For a tagger, the number of the word whose label it is.
    """

    label: str
    score_name: str
    score: Score
    word: int | None = None


def refuse_steps(model: PreTrainedModel) -> None:
    """Raises:
    ValueError: `model` has numbers or several labels at every step, of which there is no one answer to explain.
    """
    if isinstance(model, RecurrentForTokenClassification) and model.head.of_steps is not None:
        raise ValueError(
            f"`model` is a {type(model).__name__} with `problem_type`={model.config.problem_type!r}; to be explained "
            "a token classifier must have one label a token."
        )


def find_target(model: PreTrainedModel, reading: Reading, outputs: ModelOutput, target: TargetName | None) -> Target:
    """The target that `target` names, by default what the model answers.

    A label of several that exclude each other has log-odds, log p / (1 − p): the logit of one of two classes less the
    other's. Unlike a logit they do not change if a number is added to all logits, which changes no probability. A
    label that excludes no other has its logit, a number to be predicted is itself, and so is a similarity. The label
    of a word has the log-odds that the word's emissions alone give it, whether a CRF reads them or not.

    Args:
        outputs: What the model answers for `reading`.

    Raises:
        ValueError: there is no such label or word, or `model` is neither a classifier, a tagger nor a siamese network.
    """
    refuse_steps(model)
    if isinstance(model, SiameseModel):
        if target is not None:
            raise ValueError(f"`target`={target!r}: a similarity has no labels; it must be None.")
        return Target(model.config.similarity, "similarity", lambda found: found.logits)
    logits = outputs.get("logits")
    if logits is None or model.can_generate() or logits.shape[-1] != model.config.num_labels:
        raise ValueError(
            f"`model` is a {type(model).__name__}; it must be a sequence classifier, a tagger or a siamese network."
        )
    if logits.dim() == 3:
        return _of_word(model, reading, logits[0], target)
    label = int(logits[0].argmax()) if target is None else label_number(model, target)
    name = label_name(model, label)
    if model.config.problem_type == "regression" or logits.shape[1] == 1:
        return Target(name, "number", lambda found: found.logits[:, label])
    if model.config.problem_type == "multi_label_classification":
        return Target(name, "logit", lambda found: found.logits[:, label])
    return Target(name, "log-odds", lambda found: log_odds(found.logits, _only(label, logits)))


def log_odds(scores: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """log p / (1 − p) (batch), p the softmax of `scores` (batch, states) summed over the `chosen` (states) ones."""
    return scores[:, chosen].logsumexp(1) - scores[:, ~chosen].logsumexp(1)


def label_name(model: PreTrainedModel, label: int) -> str:
    """Find the configuration's name of the label of this number."""
    return str(cast(dict[int, str], model.config.id2label)[label])


def label_number(model: PreTrainedModel, label: Any) -> int:
    """The number of a label, given by its name or number.

    Raises:
        ValueError: there is none such.
    """
    names = [label_name(model, number) for number in range(model.config.num_labels or 0)]
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, int | np.integer) and not isinstance(label, bool) and 0 <= label < len(names):
        return int(label)
    raise ValueError(f"`target` has the label {label!r}; it may be one of {', '.join(names)}, or its number.")


def _only(label: int, logits: torch.Tensor) -> torch.Tensor:
    return torch.arange(logits.shape[-1], device=logits.device) == label


def predicted_labels(reading: Reading, logits: torch.Tensor) -> list[int]:
    """The label of each word of a text, from its logits (time, labels): their argmax at the word's first piece."""
    return cast(list[int], logits[torch.as_tensor(reading.pieces[reading.words])].argmax(1).tolist())


def _of_word(model: PreTrainedModel, reading: Reading, logits: torch.Tensor, target: TargetName | None) -> Target:
    # Logits (time, labels) of one text.
    if logits.shape[1] == 1:
        raise ValueError(f"`model` has one label, {label_name(model, 0)}, which it is sure of whatever it reads.")
    predicted = predicted_labels(reading, logits)
    if target is None:
        # The first word that has a label to explain.
        word = next((number for number, label in enumerate(predicted) if label_name(model, label) != "O"), 0)
    else:
        word = target[0] if isinstance(target, tuple) and len(target) == 2 else cast(Any, target)
        if not isinstance(word, int | np.integer) or isinstance(word, bool) or not 0 <= word < len(predicted):
            raise ValueError(
                f"`target`={target!r}: of a tagger it must be the number of a word in [0, {len(predicted)}), or a "
                "tuple of it and a label."
            )
    label = label_number(model, target[1]) if isinstance(target, tuple) else predicted[word]
    place = int(reading.places[reading.words[word]])
    if isinstance(model, RecurrentForTokenClassification):
        chosen = model.head.state_labels[:, label]
        return Target(
            label_name(model, label), "log-odds", lambda found: log_odds(found.emissions[:, place], chosen), int(word)
        )
    chosen = _only(label, logits)
    return Target(
        label_name(model, label), "log-odds", lambda found: log_odds(found.logits[:, place], chosen), int(word)
    )
