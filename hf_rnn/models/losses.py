"""Losses of the heads, per `problem_type` as transformers names them."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from .looks import may_look, require
from .tracing import shape_of


__all__ = [
    "classification_loss",
    "divided",
    "infer_problem_type",
    "known_targets",
    "mean_over_tokens",
    "next_token_loss",
    "penalties",
    "step_loss",
    "target_tokens",
    "tokens_to_predict",
]


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
    """Cross-entropy, binary cross-entropy for each label, or squared error.

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
    kind = infer_problem_type(problem_type, shape_of(logits)[1], labels)
    logits = _full_precision(logits)
    given, expected = shape_of(labels), shape_of(logits)
    if kind == "single_label_classification":
        expected = expected[:1]
    if given[:1] != expected[:1] or math.prod(given) != math.prod(expected):
        raise ValueError(f"`labels` has shape {given}; for {kind} it must be {expected}.")
    _check_values(labels, kind, shape_of(logits)[1])
    if kind == "single_label_classification":
        total = functional.cross_entropy(logits, labels.view(-1).long(), reduction="sum", ignore_index=-100)
    else:
        term = functional.mse_loss if kind == "regression" else functional.binary_cross_entropy_with_logits
        total = term(logits, labels.view_as(logits).to(logits.dtype), reduction="sum")
    if num_items_in_batch is None:
        # The divisor is at least one: a batch in which nothing is labelled has the loss 0, not NaN.
        num_items_in_batch = known_targets(labels, kind).sum().clamp(min=1)
    return divided(total, num_items_in_batch)


def known_targets(labels: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """Which of `labels` are targets, as they (…): of classes those that are not -100; of numbers those that are not
    NaN, since -100 is a number as good as any other; of several labels those that are neither.
    """
    if problem_type == "regression":
        return ~labels.isnan()
    known = labels != -100
    return known & ~labels.isnan() if problem_type == "multi_label_classification" else known


def step_loss(
    outputs: torch.Tensor,
    labels: torch.Tensor,
    mask: torch.Tensor,
    problem_type: str,
    num_items_in_batch: torch.Tensor | int | None = None,
) -> torch.Tensor:
    """The squared error, or the binary cross-entropy of each label, at every step that has a target: the mean over
    the targets, of which a step has one for each output.

    Args:
        outputs: (batch, time, outputs), numbers or logits.
        labels: (batch, time, outputs), or (batch, time) of one output. NaN where there is no target; of several
            labels also -100, so that whole numbers can say it.
        mask: (batch, time), True at a real step; at the others nothing is a target, whatever `labels` hold.
        problem_type: `"regression"` or `"multi_label_classification"`.
        num_items_in_batch: See [`classification_loss`]; the number of targets.

    Raises:
        ValueError: for labels of another shape, infinite numbers, or labels that do not lie in [0, 1].
    """
    outputs = _full_precision(outputs)
    labels = labels.unsqueeze(2) if labels.dim() == 2 and shape_of(outputs)[2] == 1 else labels
    if shape_of(labels) != shape_of(outputs):
        raise ValueError(
            f"`labels` has shape {shape_of(labels)}; for {problem_type} it must be {shape_of(outputs)}, "
            "(batch, time, num_labels)."
        )
    known = known_targets(labels, problem_type) & mask.unsqueeze(2)
    # Neither a value nor a gradient comes from where there is no target: NaN times 0 would still be NaN.
    targets = labels.masked_fill(~known, 0).to(outputs.dtype)
    if problem_type == "regression":
        _refuse_others(targets, targets.isfinite(), "for regression it must be a finite number, or NaN for no target")
        terms = functional.mse_loss(outputs, targets, reduction="none")
    else:
        _check_values(targets, problem_type, shape_of(outputs)[2])
        terms = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    if num_items_in_batch is None:
        num_items_in_batch = known.sum().clamp(min=1)
    return divided(terms.masked_fill(~known, 0).sum(), num_items_in_batch)


def tokens_to_predict(
    scored: tuple[int, ...],
    vocab_size: int,
    mask: torch.Tensor,
    labels: torch.Tensor | None,
    shift_labels: torch.Tensor | None,
) -> torch.Tensor | None:
    """The token that is to be predicted after each step (batch, time), -100 where none is; None without any labels.

    Args:
        scored: (batch, time) of the steps that there are scores of, which must be all.
        vocab_size: The number of tokens.
        mask: (batch, time), True at a token.
        labels: (batch, time), the tokens, or -100 where none is to be predicted. What no token stands before is not
            predicted, so that the padding of a text, on the left or on the right, does not change its loss.
        shift_labels: (batch, time), what is returned, in place of what `labels` say.

    Raises:
        ValueError: for labels out of range, not whole, or of another shape.
    """
    tokens, name = (labels, "labels") if shift_labels is None else (shift_labels, "shift_labels")
    if tokens is None:
        return None
    given, wanted = shape_of(tokens), shape_of(mask)
    if given != scored or given != wanted:
        raise ValueError(f"`{name}` has shape {given}; it must be {wanted}, (batch, time), and `logits_to_keep` 0.")
    _check_classes(tokens, vocab_size, "vocab_size", name)
    if shift_labels is not None:
        return tokens.long()
    last = torch.arange(tokens.shape[1], device=tokens.device) == tokens.shape[1] - 1
    return tokens.long().roll(-1, 1).masked_fill(last | ~_at_or_after_a_token(mask), -100)


def target_tokens(scored: tuple[int, ...], vocab_size: int, labels: torch.Tensor | None) -> torch.Tensor | None:
    """The tokens that are to be written (batch, target), -100 where none is; None without labels.

    Args:
        scored: (batch, target) of the steps that there are scores of.
        vocab_size: The number of tokens.
        labels: As they were given.

    Raises:
        ValueError: for labels out of range, not whole, or of another shape.
    """
    if labels is None:
        return None
    if shape_of(labels) != scored:
        raise ValueError(f"`labels` has shape {shape_of(labels)}; it must be {scored}, (batch, target).")
    _check_classes(labels, vocab_size, "vocab_size")
    return labels.long()


def next_token_loss(logits: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy of the logits of each step with the token after it, summed.

    Args:
        logits: (batch, time, vocab_size).
        targets: (batch, time), as [`tokens_to_predict`] returns them.
        label_smoothing: The share of each target that is spread evenly over all tokens.
    """
    terms = _full_precision(logits).flatten(0, 1)
    return functional.cross_entropy(
        terms, targets.flatten(), reduction="sum", ignore_index=-100, label_smoothing=label_smoothing
    )


def mean_over_tokens(
    total: torch.Tensor, targets: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """`total` by `num_items_in_batch` (see [`classification_loss`]), or by the number of `targets`, at least 1."""
    if num_items_in_batch is None:
        num_items_in_batch = (targets != -100).sum().clamp(min=1)
    return divided(total, num_items_in_batch)


def penalties(
    outputs: torch.Tensor, dropped: torch.Tensor, mask: torch.Tensor, alpha: float, beta: float
) -> torch.Tensor | float:
    """Activation and temporal activation regularisation (Merity et al. 2017, https://arxiv.org/abs/1708.01009), summed
    over the real steps t of all texts, with the mean over the units:

        α mean(dropped_t²) + β mean((h_t − h_{t-1})²)

    t − 1 is the real step before t, in this batch; the first has no second term. Divided by the number of predicted
    tokens, as the loss is, both are the means of the authors' code for texts without padding, but for the ends of a
    text of T steps: with `labels`, T − 1 of which are predicted, α counts T / (T − 1) times, and with `shift_labels`,
    all of which are, β counts (T − 1) / T times.

    Args:
        outputs: (batch, time, units), h of the last layer; at the padding that of the last real step before it.
        dropped: (batch, time, units), the same after dropout.
        mask: (batch, time), True at a real step.
        alpha, beta: The weights of the two; at 0 nothing is computed.
    """
    total: torch.Tensor | float = 0.0
    if alpha:
        squares = _full_precision(dropped).square().mean(2)
        total = total + alpha * _sum_where(squares, mask)
    if beta:
        squares = _full_precision(outputs).diff(dim=1).square().mean(2)
        total = total + beta * _sum_where(squares, mask[:, 1:] & _at_or_after_a_token(mask)[:, :-1])
    return total


def _sum_where(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return values[chosen].sum() if may_look(chosen) else values.masked_fill(~chosen, 0).sum()


def divided(total: torch.Tensor, number: torch.Tensor | int) -> torch.Tensor:
    """`total` by `number`, wherever that is."""
    # A tensor is not given to `as_tensor`: a trace would keep what it holds.
    return total / (number.to(total.device) if isinstance(number, torch.Tensor) else torch.as_tensor(number))


def _at_or_after_a_token(mask: torch.Tensor) -> torch.Tensor:
    # (batch, time): whether there is a token at a step or before it.
    return mask.cumsum(1) > 0


def _full_precision(values: torch.Tensor) -> torch.Tensor:
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _check_values(labels: torch.Tensor, kind: str, num_labels: int) -> None:
    # torch names neither the argument nor the number of labels, and takes any number as a multi-label target.
    if kind == "single_label_classification":
        _check_classes(labels, num_labels, "num_labels")
    elif kind == "multi_label_classification":
        _refuse_others(labels, (labels >= 0) & (labels <= 1), f"for {kind} it must lie in [0, 1]")


def _check_classes(labels: torch.Tensor, number: int, size: str, name: str = "labels") -> None:
    right = (labels == -100) | ((labels >= 0) & (labels < number) & (labels == labels.long()))
    allowed = f"with `{size}={number}` it must be a whole number in [0, {number})"
    numbers = (
        ", unless `config.problem_type` is 'regression'" if size == "num_labels" and _has_decimals(labels) else ""
    )
    _refuse_others(labels, right, allowed + numbers, name)


def _has_decimals(labels: torch.Tensor) -> bool:
    return labels.is_floating_point() and may_look(labels) and bool((labels != labels.trunc()).any())


def _refuse_others(labels: torch.Tensor, right: torch.Tensor, allowed: str, name: str = "labels") -> None:
    require(
        right,
        f"`{name}` is out of range: {allowed}.",
        lambda: f"`{name}` holds {labels[~right][0].item()}; {allowed}.",
    )
