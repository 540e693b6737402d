"""Finds what its Trainer has to know of a model: the labels that it takes, the metrics that measure it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import PreTrainedConfig

from ..data.readers.labels import PROBLEM_TYPES
from ..extras import MissingExtraError
from ..inference.pipelines import label_names
from ..inference.steps import steps_of
from ..metrics.classification import default_metric, metrics_for
from ..metrics.steps import step_metrics_for
from ..metrics.tagging import best_labels, check_iob2, tagging_metrics_for
from ..models.label_threshold import label_threshold
from ..models.losses import infer_problem_type
from ..runs.kinds import KINDS


__all__ = [
    "DefaultMetrics",
    "counted_as",
    "default_metrics",
    "has_crf",
    "head_of",
    "label_of",
    "problem_type_of",
    "set_problem_type",
]


Head = Literal["texts", "tokens", "next token", "pairs"]
# The end of the class name of a model → what it is for; transformers names all heads so.
_HEADS: dict[str, Head] = {
    "ForSequenceClassification": "texts",
    "ForTokenClassification": "tokens",
    "ForCausalLM": "next token",
    "ForPairClassification": "pairs",
    "SiameseModel": "pairs",
}
_LABELS = ("labels", "label", "label_ids")


@dataclass(frozen=True)
class DefaultMetrics:
    """The metrics of a model's task.

    Attributes:
        compute_metrics, preprocess_logits_for_metrics: As `transformers.Trainer` takes them.
        metric: The figure that chooses a checkpoint.
    """

    compute_metrics: Callable[..., dict[str, float]]
    metric: str
    preprocess_logits_for_metrics: Callable[..., torch.Tensor] | None = None


def head_of(model: Any) -> Head | None:
    """Find what a model is for by the name of its class; None where that does not say it."""
    name = type(model).__name__
    return next((head for ending, head in _HEADS.items() if name.endswith(ending)), None)


def has_crf(model: Any) -> bool:
    """Whether a model tags whole sequences by a conditional random field."""
    return head_of(model) == "tokens" and bool(getattr(model.config, "crf", False))


def counted_as(model: Any) -> str | None:
    """The problem type by which the labels of a recurrent model are counted, where -100 alone does not tell which of
    them are targets: that of steps, and the regression of texts.
    """
    if head_of(model) == "texts" and (model.config.problem_type or model.config.num_labels) in ("regression", 1):
        return "regression"
    return steps_of(model)


def set_problem_type(config: PreTrainedConfig, problem_type: str) -> None:
    """Write `problem_type` into a model's configuration.

    Raises:
        ValueError: it is none of transformers' three, or the configuration has another, or another number of labels
            than it can have.
    """
    if problem_type not in PROBLEM_TYPES:
        raise ValueError(f"`problem_type`={problem_type!r} must be one of {', '.join(map(repr, PROBLEM_TYPES))}.")
    if config.problem_type not in (None, problem_type):
        raise ValueError(
            f"`problem_type`={problem_type!r}, but the model's `config.problem_type` is {config.problem_type!r}; give "
            "one of them."
        )
    if (problem_type == "single_label_classification") and config.num_labels == 1:
        raise ValueError(
            f"`problem_type`={problem_type!r} needs a model of two labels or more; it has `num_labels`=1."
        )
    config.problem_type = problem_type  # type: ignore[assignment]


def problem_type_of(config: PreTrainedConfig, rows: Any) -> str | None:
    """`config.problem_type`, or what the labels of `rows` are, found as transformers does; None: there are none."""
    if config.problem_type is not None or config.num_labels == 1:
        return config.problem_type or "regression"
    label = label_of(rows)
    return None if label is None else infer_problem_type(None, config.num_labels or 0, torch.as_tensor(label))


def label_of(rows: Any) -> Any:
    """The label of the first of `rows`, the first dataset where they are several; None where there is none."""
    if isinstance(rows, Mapping):
        rows = next(iter(rows.values()), None)
    if not hasattr(rows, "__getitem__") or not hasattr(rows, "__len__") or not len(rows):
        return None
    row = rows[0]
    if not isinstance(row, Mapping):
        return None
    return next((row[name] for name in _LABELS if row.get(name) is not None), None)


def default_metrics(model: Any, rows: Any) -> DefaultMetrics | None:
    """Find the metrics of `model`'s task: of texts by the problem type, of tags by entities where every label is one
    of IOB2. None where the task has none, the `rows` have no labels, or the extra `train` is not installed: then the
    loss alone is measured.
    """
    if label_of(rows) is None:
        return None
    try:
        if head_of(model) == "texts":
            return _of_texts(model.config, rows)
        if head_of(model) == "tokens":
            names, steps = label_names(model.config), steps_of(model)
            if steps is not None:
                compute = step_metrics_for(steps, names, threshold=label_threshold(model.config))
                return DefaultMetrics(compute, KINDS["token-classification"].selects[steps])
            entities = _mark_entities(names)
            metric = "f1" if entities else "accuracy"
            return DefaultMetrics(tagging_metrics_for(names, entities), metric, best_labels)
    except MissingExtraError:
        return None
    return None


def _of_texts(config: PreTrainedConfig, rows: Any) -> DefaultMetrics | None:
    problem_type, number = problem_type_of(config, rows), config.num_labels or 0
    # There are no metrics for a single "one of several labels".
    if problem_type is None or (number == 1 and problem_type != "regression"):
        return None
    compute = metrics_for(problem_type, number, threshold=label_threshold(config), label_names=label_names(config))
    return DefaultMetrics(compute, default_metric(problem_type))


def _mark_entities(names: list[str]) -> bool:
    try:
        check_iob2("labels", [names])
    except ValueError:
        return False
    return any(name.startswith("B-") for name in names)
