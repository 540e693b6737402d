"""The flags of `TrainingArguments` that a model or a Trainer cannot honour, refused before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transformers.modeling_layers import GradientCheckpointingLayer

from ..inference.steps import steps_of
from ..models.modeling_rnn import RecurrentPreTrainedModel
from .task_of_model import has_crf, head_of


__all__ = ["Only", "flags_of", "is_ours", "refuse_flags", "refuse_split_batches"]


@dataclass(frozen=True)
class Only:
    """The one value that a flag may have, and for what: `"for a GruForCausalLM"`."""

    value: Any
    reason: str


def refuse_flags(args: Any, allowed: Mapping[str, Only]) -> None:
    """Raises:
    ValueError: a flag of `args` has another value than the one that is allowed. Flags that this version of
        transformers does not have are passed over.
    """
    for name, only in allowed.items():
        given = getattr(args, name, only.value)
        if given != only.value:
            raise ValueError(f"`{name}` is {given!r}; {only.reason} it must be {only.value!r}.")


def flags_of(model: Any, args: Any, compute_metrics: Callable[..., Any] | None) -> dict[str, Only]:
    """Say what each flag may be for a model that a `RecurrentTrainer` trains."""
    allowed: dict[str, Only] = {}
    unsmoothed = _cannot_be_smoothed(model)
    if unsmoothed is not None:
        allowed["label_smoothing_factor"] = Only(0, unsmoothed)
    if isinstance(model, RecurrentPreTrainedModel):
        allowed["use_liger_kernel"] = Only(False, f"Liger has no kernels for a {type(model).__name__}:")
    if is_ours(type(model)) and not any(isinstance(one, GradientCheckpointingLayer) for one in model.modules()):
        reason = f"for a {type(model).__name__} without layers that could be computed again"
        allowed["activation_checkpointing"] = Only(False, reason)
    if args.bucket_by_length:
        reason = "with `bucket_by_length`, which is another order of the rows,"
        allowed["train_sampling_strategy"] = Only("random", reason)
    if args.dataloader_num_workers > 0:
        reason = "with `dataloader_num_workers` predictions and resumed runs need the order of the rows:"
        allowed["dataloader_in_order"] = Only(True, reason)
    if compute_metrics is not None and is_ours(compute_metrics):
        reason = "the metrics of hf_rnn are of a whole split:"
        allowed |= {"batch_eval_metrics": Only(False, reason), "eval_do_concat_batches": Only(True, reason)}
    return allowed


def is_ours(found: Any) -> bool:
    """Whether a function or a class is one of this package."""
    return str(getattr(found, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


def refuse_split_batches(args: Any) -> None:
    """Raises:
    ValueError: several processes are to cut the batches in another way than `SharedBatches` does, by which rows
        would be lost.
    """
    config = args.accelerator_config
    for name in ("split_batches", "dispatch_batches"):
        if args.world_size > 1 and getattr(config, name, None):
            raise ValueError(
                f"`accelerator_config` has `{name}`={getattr(config, name)!r}; with {args.world_size} processes it "
                "must be absent: each batch is shared among them already."
            )


def _cannot_be_smoothed(model: Any) -> str | None:
    """Say why the labels of a model cannot be smoothed; None: they can."""
    name = type(model).__name__
    if head_of(model) == "next token" and isinstance(model, RecurrentPreTrainedModel):
        # transformers would smooth labels that it does not know to be shifted: those of the step itself.
        return f"for a {name}"
    if has_crf(model):
        # transformers would smooth the emissions of each token, and never train the transitions.
        return f"for a {name} with a CRF"
    if steps_of(model) is not None:
        return f"for {steps_of(model)} at every step"
    if head_of(model) != "texts":
        return None
    problem_type = model.config.problem_type or ("regression" if model.config.num_labels == 1 else None)
    return f"for {problem_type}" if problem_type in ("regression", "multi_label_classification") else None
