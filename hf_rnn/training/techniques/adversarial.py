"""Adversarial training: a model also learns its texts with their embeddings moved where that hurts most (Miyato, Dai &
Goodfellow 2017, https://arxiv.org/abs/1605.07725).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from ...models.modeling_causal import RecurrentForCausalLM


__all__ = ["adversarial_step", "require_embedding_table"]


def adversarial_step(step: Callable[[], torch.Tensor], table: nn.Module, epsilon: float) -> torch.Tensor:
    """A training step on the texts as they are, and one on the same texts perturbed; their gradients add up, as those
    of L(x) + L(x + r), with r = ε · ‖x‖ · g / ‖g‖ for each text, where x are its embeddings and g = ∂L/∂x (equation 5
    of the paper, which normalises the embeddings and has ε = 5: here they stay as they are, and ε is a share of their
    norm, about 0.02 in the paper's units). Dropout is drawn anew in the second.

    Args:
        step: A forward and a backward pass over the batch; gives its loss.
        table: The module whose output (batch, time, features) is perturbed, called once or more in a step.
        epsilon: ε, above 0.

    Returns:
        The loss of the texts as they are.
    """
    looked_up: list[torch.Tensor] = []
    with _outputs_replaced(table, lambda features: _kept(features, looked_up)):
        loss = step()
    moves = iter([_perturbation(features, epsilon) for features in looked_up])
    with _outputs_replaced(table, lambda features: features + next(moves)):
        step()
    return loss


def require_embedding_table(model: nn.Module) -> None:
    """Raises:
    ValueError: `model` has no table of embeddings, or is a language model, which carries its state from step to
        step and would read each window twice.
    """
    if isinstance(model, RecurrentForCausalLM):
        raise ValueError(
            f"`adversarial_epsilon` must be absent for a {type(model).__name__}, which carries its state."
        )
    get: Any = getattr(model, "get_input_embeddings", lambda: None)
    if not isinstance(get(), nn.Embedding):
        raise ValueError(
            f"`adversarial_epsilon` must be absent for a {type(model).__name__} that has no table of embeddings."
        )


@contextlib.contextmanager
def _outputs_replaced(module: nn.Module, replace: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    handle = module.register_forward_hook(lambda _module, _inputs, output: replace(output))
    try:
        yield
    finally:
        handle.remove()


def _kept(features: torch.Tensor, looked_up: list[torch.Tensor]) -> torch.Tensor:
    # This holds for a frozen table, too, whose output has no gradient of its own.
    features = features if features.requires_grad else features.detach().requires_grad_()
    features.retain_grad()
    looked_up.append(features)
    return features


@torch.no_grad()
def _perturbation(features: torch.Tensor, epsilon: float) -> torch.Tensor:
    gradient = features.grad
    if gradient is None:
        # The loss did not read it.
        return torch.zeros_like(features)
    sizes: Any = [values.flatten(1).norm(dim=1)[:, None, None] for values in (features, gradient)]
    # A text whose gradient is zero (all its steps dropped) stays where it is.
    return epsilon * sizes[0] * gradient / sizes[1].clamp(min=torch.finfo(gradient.dtype).tiny)
