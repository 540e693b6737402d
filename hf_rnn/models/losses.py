"""Losses of the heads, per `problem_type` as transformers names them."""

from __future__ import annotations

import torch
from torch.nn import functional


def infer_problem_type(problem_type: str | None, num_labels: int, labels: torch.Tensor) -> str:
    """`problem_type` if it is set, else transformers' rule: one output is regression, whole numbers are classes."""
    if problem_type is not None:
        return problem_type
    if num_labels == 1:
        return "regression"
    return "multi_label_classification" if labels.is_floating_point() else "single_label_classification"


def classification_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    problem_type: str | None = None,
    num_items_in_batch: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """
    Cross-entropy, binary cross-entropy for each label, or squared error.

    Args:
        logits: (batch, labels).
        labels: (batch) whole numbers in [0, labels), or -100 for "no label"; (batch, labels) 0 or 1 for multi-label;
            (batch) or (batch, labels) numbers for regression.
        problem_type: `"single_label_classification"`, `"multi_label_classification"`, `"regression"`, or None:
            inferred.
        num_items_in_batch: If given, the sum of the terms is divided by it instead of by their number here, so that
            accumulated gradients equal those of one large batch.

    Raises:
        ValueError: for labels out of range, not whole where they are classes, or of another shape.
    """
    kind = infer_problem_type(problem_type, logits.shape[1], labels)
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    expected = logits.shape[:1] if kind == "single_label_classification" else logits.shape
    if labels.shape[:1] != logits.shape[:1] or labels.numel() != expected.numel():
        raise ValueError(f"`labels` has shape {tuple(labels.shape)}; for {kind} it must be {tuple(expected)}.")
    _check_values(labels, kind, logits.shape[1])
    if kind == "single_label_classification":
        total = functional.cross_entropy(logits, labels.view(-1).long(), reduction="sum", ignore_index=-100)
    else:
        term = functional.mse_loss if kind == "regression" else functional.binary_cross_entropy_with_logits
        total = term(logits, labels.view_as(logits).to(logits.dtype), reduction="sum")
    if num_items_in_batch is None:
        # At least one: a batch in which nothing is labelled has the loss 0, not NaN.
        num_items_in_batch = (labels != -100).sum().clamp(min=1)
    return total / torch.as_tensor(num_items_in_batch, device=total.device)


def next_token_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    num_items_in_batch: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """
    Cross-entropy of each label with the logits of the step before it.

    Args:
        logits: (batch, time, vocab_size), at each step those of the next token.
        labels: (batch, time), the tokens, or -100 where none is to be predicted.
        mask: (batch, time), True at a token. What no token stands before is not predicted, so that the padding of a
            text, on the left or on the right, does not change its loss.
        num_items_in_batch: As in [`classification_loss`].

    Raises:
        ValueError: for labels out of range, not whole, or of another shape.
    """
    if labels.shape != logits.shape[:2] or labels.shape != mask.shape:
        raise ValueError(
            f"`labels` has shape {tuple(labels.shape)}; it must be {tuple(mask.shape)}, (batch, time), and "
            "`logits_to_keep` 0."
        )
    _check_classes(labels, logits.shape[2], "vocab_size")
    targets = torch.full_like(labels, -100, dtype=torch.long)
    targets[:, :-1] = labels[:, 1:].masked_fill(mask.cumsum(1)[:, :-1] == 0, -100)
    logits = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    total = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=-100)
    if num_items_in_batch is None:
        num_items_in_batch = (targets != -100).sum().clamp(min=1)
    return total / torch.as_tensor(num_items_in_batch, device=total.device)


def _check_values(labels: torch.Tensor, kind: str, num_labels: int) -> None:
    # torch names neither the argument nor the number of labels, and takes any number as a multi-label target.
    if kind == "single_label_classification":
        _check_classes(labels, num_labels, "num_labels")
    elif kind == "multi_label_classification":
        _refuse_others(labels, (labels >= 0) & (labels <= 1), f"for {kind} it must lie in [0, 1]")


def _check_classes(labels: torch.Tensor, number: int, name: str) -> None:
    right = (labels == -100) | ((labels >= 0) & (labels < number) & (labels == labels.long()))
    _refuse_others(labels, right, f"with `{name}={number}` it must be a whole number in [0, {number})")


def _refuse_others(labels: torch.Tensor, right: torch.Tensor, allowed: str) -> None:
    if not bool(right.all()):
        raise ValueError(f"`labels` holds {labels[~right][0].item()}; {allowed}.")


__all__ = ["classification_loss", "infer_problem_type", "next_token_loss"]
