"""Adversarial training: a model also learns its texts with their embeddings moved where that hurts most (Miyato, Dai &
Goodfellow 2017, https://arxiv.org/abs/1605.07725).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import nn

from ...models.modeling_causal import RecurrentForCausalLM
from ...models.word_embeddings import WordEmbeddings


__all__ = ["adversarial_step", "require_embedding_table"]


def adversarial_step(step: Callable[[], torch.Tensor], model: nn.Module, epsilon: float) -> torch.Tensor:
    """A training step on the texts as they are, and one on the same texts perturbed; their gradients add up, as those
    of L(x) + L(x + r), with r = ε · ‖x‖ · g / ‖g‖ for each text, where x are its embeddings and g = ∂L/∂x (equation 5
    of the paper, which normalises the embeddings and has ε = 5: here they stay as they are, and ε is a share of their
    norm, about 0.02 in the paper's units). Dropout is drawn anew in the second.

    Args:
        step: A forward and a backward pass over the batch; gives its loss.
        model: The model of the step. What its `get_input_embeddings()` looks up is perturbed: (batch, time, features),
            or, in a model of words, the vectors (words, features) of all the words of the batch. It is looked up in
            once or more in a step.
        epsilon: ε, above 0.

    Returns:
        The loss of the texts as they are.
    """
    table = cast(Any, model).get_input_embeddings()
    looked_up: list[torch.Tensor] = []
    with _texts_of_words(model, table) as texts, _outputs_replaced(table, lambda found: _kept(found, looked_up)):
        loss = step()
    of_steps: Sequence[torch.Tensor | None] = texts or [None] * len(looked_up)
    moves = iter([_perturbation(*found, epsilon) for found in zip(looked_up, of_steps, strict=True)])
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
    table = None
    # So transformers says of a model of its own, such as one of images, that there is none.
    with contextlib.suppress(NotImplementedError):
        table = get()
    if not isinstance(table, nn.Embedding):
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


@contextlib.contextmanager
def _texts_of_words(model: nn.Module, table: nn.Module) -> Iterator[list[torch.Tensor]]:
    # For each look-up of a model of words, in which text of the batch each word stands (words); else nothing.
    texts: list[torch.Tensor] = []

    def keep(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        words = arguments[3]
        texts.append(words.mask.nonzero()[:, 0])

    with contextlib.ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, WordEmbeddings) and module.word_embeddings is table:
                hooks.callback(module.register_forward_pre_hook(keep).remove)
        yield texts


@torch.no_grad()
def _perturbation(features: torch.Tensor, texts: torch.Tensor | None, epsilon: float) -> torch.Tensor:
    gradient = features.grad
    if gradient is None:
        # The loss did not read it.
        return torch.zeros_like(features)
    if texts is None:
        sizes = [values.flatten(1).norm(dim=1)[:, None, None] for values in (features, gradient)]
    else:
        sizes = [_norms_of_texts(values, texts) for values in (features, gradient)]
    # A text whose gradient is zero (all its steps dropped) stays where it is.
    return epsilon * sizes[0] * gradient / sizes[1].clamp(min=torch.finfo(gradient.dtype).tiny)


def _norms_of_texts(values: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    # Of (words, features) for each word (words, 1) the norm of all the numbers of its text.
    squares = values.new_zeros(int(texts.max()) + 1 if len(texts) else 0)
    return squares.index_add_(0, texts, values.square().sum(1)).sqrt()[texts].unsqueeze(1)
