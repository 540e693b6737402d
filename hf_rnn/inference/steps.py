"""What a model says at every step: numbers, or the labels of each, of sentences that are cut into tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.batches.steps import token_outputs
from ..models.modeling_rnn import RecurrentForTokenClassification
from ..models.tagging import OF_STEPS
from .pipelines import label_names
from .tagging import read_pieces, tokenized_for


__all__ = ["predict_steps", "said_of_steps", "steps_of"]


# Figures after the point: more than the width of a batch leaves unchanged.
DIGITS = 6


def steps_of(model: Any) -> str | None:
    """The problem type of a recurrent model whose steps have numbers or several labels each; None for any other."""
    kind: str | None = getattr(getattr(model, "config", None), "problem_type", None)
    return kind if isinstance(model, RecurrentForTokenClassification) and kind in OF_STEPS else None


def predict_steps(
    model: Any, tokenizer: Any, sentences: Sequence[Sequence[str]], batch_size: int = 32
) -> list[np.ndarray]:
    """The numbers of each token, or the probability of each label.

    Args:
        model: A token classifier with the `problem_type` `"regression"` or `"multi_label_classification"`.
        tokenizer: A fast one, the model's own.
        sentences: The tokens of each; a sentence may be empty.
        batch_size: Rows of pieces that are computed together.

    Returns:
        (tokens, outputs) of each sentence, in the order of `config.id2label`; NaN of a token that the tokenizer drops.

    Raises:
        ValueError: `model` is another.

    Example:
        >>> predict_steps(model, tokenizer, [["a", "word"]])[0].shape  # doctest: +SKIP
        (2, 1)
    """
    kind = steps_of(model)
    if kind is None:
        raise ValueError(
            f"`model` is a {type(model).__name__} with `problem_type`={model.config.problem_type!r}; it must "
            f"be a recurrent token classifier for {' or '.join(map(repr, OF_STEPS))}."
        )
    tokenized = tokenized_for(model, tokenizer, sentences)
    outputs = read_pieces(
        model,
        tokenizer,
        list(tokenized["input_ids"]),
        batch_size,
        lambda logits: (logits if kind == "regression" else logits.sigmoid()).float().tolist(),
    )
    found = token_outputs(outputs, tokenized, [len(tokens) for tokens in sentences])
    width = len(label_names(model.config))
    return [each.reshape(-1, width) if each.size else np.zeros((len(each), width)) for each in found]


def said_of_steps(
    answers: np.ndarray, problem_type: str, names: Sequence[str], threshold: float
) -> dict[str, list[Any]]:
    """What files hold of the answers to a sentence.

    Args:
        answers: (tokens, outputs), numbers or probabilities, NaN for nothing.
        problem_type: `"regression"` or `"multi_label_classification"`.
        names: The names of the outputs.
        threshold: The probability from which on a token has a label.

    Returns:
        `scores`: the number of each token, or of several outputs a list; or `labels`, the names of those that each
        token has, and `probabilities`, those of these labels. None for nothing.
    """
    if problem_type == "regression":
        rows = [[None if math.isnan(value) else round(float(value), DIGITS) for value in row] for row in answers]
        return {"scores": [row[0] for row in rows] if len(names) == 1 else rows}
    labels, probabilities = [], []
    for row in answers:
        unknown = bool(np.isnan(row).all())
        chosen = [index for index, value in enumerate(row) if value >= threshold]
        labels.append(None if unknown else [names[index] for index in chosen])
        probabilities.append(None if unknown else [round(float(row[index]), DIGITS) for index in chosen])
    return {"labels": labels, "probabilities": probabilities}
