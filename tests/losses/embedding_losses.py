"""What the tests of losses over embeddings share: embeddings, their gradients, and the losses of a peer."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


def random_embeddings(batch: int, features: int, count: int, seed: int = 0) -> list[torch.Tensor]:
    """`count` tensors, float64 (batch, features)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, features, generator=generator, dtype=torch.float64) for _ in range(count)]


def assert_finite_gradients(
    loss: Callable[..., torch.Tensor], *embeddings: torch.Tensor
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The loss and its gradients by all of the embeddings, which must be finite numbers."""
    leaves = [tensor.clone().requires_grad_() for tensor in embeddings]
    found = loss(*leaves)
    gradients = torch.autograd.grad(found, leaves)
    assert found.shape == () and torch.isfinite(found)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    return found.detach(), gradients


class Given(nn.Module):
    """A model of sentence-transformers whose sentences are their own embeddings."""

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": features["given"]}


def peer_loss(loss: Callable[..., nn.Module], **options: Any) -> Callable[..., torch.Tensor]:
    """A loss of sentence-transformers as a function of embeddings and labels."""
    made = loss(Given(), **options)

    def of_embeddings(embeddings: Sequence[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        return made([{"given": tensor} for tensor in embeddings], labels)

    return of_embeddings


def assert_examples_print_what_they_say(module: str, lines: int) -> None:
    """The examples of a module's docstrings, so many lines of input, print what is said there."""
    found = doctest.testmod(importlib.import_module(module), extraglobs={"torch": torch})
    assert (found.failed, found.attempted) == (0, lines)
