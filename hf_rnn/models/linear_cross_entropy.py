"""An output layer and its cross-entropy in one: the scores of all tokens at all steps are never in memory at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from .looks import may_look


__all__ = ["is_plain", "linear_cross_entropy"]


# Scores that are computed at a time: what the caches of a processor hold is gone through several times.
SCORES_AT_ONCE = 2**22


def linear_cross_entropy(
    features: torch.Tensor, targets: torch.Tensor, output_layer: nn.Linear, label_smoothing: float = 0.0
) -> torch.Tensor:
    """The summed cross-entropy of `targets` with `output_layer(features)`, and its gradient, in blocks of steps.

    The gradient is worked out along with the loss, so there is one of first order alone. Under autocast the products
    are computed in its type, the softmax in float32, as by the separate operations.

    Args:
        features: (steps, features), what the output layer reads.
        targets: (steps), token ids, or -100 for none.
        output_layer: Scores of all tokens, with a bias. One that is not [`is_plain`] is called, and its scores are in
            memory at once.
        label_smoothing: ε, the share of a target that is spread evenly over all tokens (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567, section 7).
    """
    if may_look(targets):
        # How many steps have a target depends on the values; where these are not looked at, all are computed.
        predicted = targets != -100
        features, targets = features[predicted], targets[predicted]
    if not is_plain(output_layer):
        scores = output_layer(features)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return nn.functional.cross_entropy(scores, targets, reduction="sum", label_smoothing=label_smoothing)
    arguments = features, output_layer.weight, output_layer.bias, targets, label_smoothing
    total: torch.Tensor = _LinearCrossEntropy.apply(*arguments)
    return total


def is_plain(layer: nn.Module) -> bool:
    """Whether `layer` computes what its `weight` and `bias` say and nothing else: neither hooks (as of
    `torch.nn.utils.prune` and accelerate) nor another module around it (as PEFT puts there) have a part in it.
    """
    hooks = layer._forward_pre_hooks or layer._forward_hooks
    return (
        isinstance(layer, nn.Linear)
        and type(layer).forward is nn.Linear.forward
        and not (hooks or "forward" in vars(layer))
    )


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        targets: torch.Tensor,
        smoothing: float,
    ) -> torch.Tensor:
        device = features.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        of_features, of_weight, of_bias = ctx.needs_input_grad[:3]
        grads = [
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in ((features, of_features), (weight, of_weight), (bias, of_bias))
        ]
        total = torch.zeros((), dtype=weight.dtype, device=weight.device)
        narrow = weight.to(dtype)
        rows = max(1, SCORES_AT_ONCE // len(weight))
        with torch.autocast(device, enabled=False):
            for start in range(0, len(features), rows):
                block = features[start : start + rows].to(dtype)
                loss, difference = _block(block, narrow, bias, targets[start : start + rows], smoothing)
                total += loss
                if any(ctx.needs_input_grad):
                    _add_gradients(grads, start, block, narrow, difference)
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(None if one is None else grad * one for one in ctx.saved_tensors), None, None


def _block(
    features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, targets: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    # The loss of some steps, and what its derivative by their scores is: softmax minus what is wanted (steps, tokens),
    # which is one-hot, or mixed with the uniform distribution.
    scores = (features @ weight.T).to(bias.dtype).add_(bias)
    uniform = scores.mean(1, keepdim=True) if smoothing else 0.0
    most = scores.amax(1, keepdim=True)
    missing = None if may_look(targets) else (targets == -100).unsqueeze(1)
    targets = targets if missing is None else targets.clamp(min=0)
    own = scores.gather(1, targets.unsqueeze(1))
    scores.sub_(most).exp_()
    normaliser = scores.sum(1, keepdim=True)
    losses = normaliser.log() + most - (1 - smoothing) * own - smoothing * uniform
    scores.div_(normaliser)
    if smoothing:
        scores -= smoothing / scores.shape[1]
    scores[torch.arange(len(targets), device=targets.device), targets] -= 1 - smoothing
    if missing is not None:
        losses, scores = losses.masked_fill(missing, 0), scores.masked_fill_(missing, 0)
    return losses.sum(), scores


def _add_gradients(
    grads: list[torch.Tensor | None],
    start: int,
    features: torch.Tensor,
    weight: torch.Tensor,
    difference: torch.Tensor,
) -> None:
    of_features, of_weight, of_bias = grads
    narrow = difference.to(weight.dtype)
    if of_features is not None:
        of_features[start : start + len(features)] = narrow @ weight
    if of_weight is not None:
        of_weight += narrow.T @ features
    if of_bias is not None:
        of_bias += difference.sum(0)
