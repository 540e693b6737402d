"""The weights of a model's classes, as its Trainer was asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ...inference.pipelines import label_names
from ...inference.steps import steps_of
from ...losses.class_weights import balanced_class_weights
from ..raw_rows import all_labels
from ..task_of_model import has_crf, head_of, problem_type_of


__all__ = ["class_weights_of"]


def class_weights_of(model: Any, given: str | Sequence[float] | None, rows: Any) -> torch.Tensor | None:
    """The weight of each class, (classes); None where none is wanted.

    Args:
        model: A classifier of one label a text, or a tagger without a CRF.
        given: `"balanced"`, or a number for each class.
        rows: The tokenised training rows, which `"balanced"` counts; None: there is no training.

    Raises:
        ValueError: the model's loss is not a cross-entropy of classes, the numbers are not as many as the classes, or
            a class that is to be balanced is in no row.
    """
    if given is None:
        return None
    of_classes = (head_of(model) == "tokens" and steps_of(model) is None) or (
        head_of(model) == "texts" and problem_type_of(model.config, rows) in (None, "single_label_classification")
    )
    if not of_classes or has_crf(model):
        what = f"{type(model).__name__}{' with a CRF' if has_crf(model) else ''}"
        raise ValueError(
            f"`class_weights`={given!r} weigh the classes of a cross-entropy, and the loss of this {what} is none; "
            "give no weights."
        )
    names = label_names(model.config)
    if given == "balanced":
        if rows is None:
            return None
        return balanced_class_weights(torch.tensor([int(label) for label in all_labels(rows)]), names)
    if len(given) != len(names):
        raise ValueError(
            f"`class_weights`={given!r} are {len(given)}; they must be {len(names)}, one for each of "
            f"{', '.join(map(repr, names))}."
        )
    return torch.tensor([float(weight) for weight in given])
