"""What the kernels of bfloat16 are held equal to: the equations in float64, with products of rounded numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hf_rnn.models.paths import recurrent_path


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """Round each number to bfloat16, kept in the type that it has."""
    return tensor.float().bfloat16().to(tensor.dtype)


class RoundedLinear(torch.autograd.Function):
    """x Wᵀ + b, of which every product, those of the gradients too, is one of numbers rounded to bfloat16."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rounded(inputs), rounded(weight))
        return rounded(inputs) @ rounded(weight).T + bias

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        inputs, weight = ctx.saved_tensors
        by_row, rows = rounded(grad).flatten(0, -2), inputs.flatten(0, -2)
        return rounded(grad) @ weight, by_row.T @ rows, grad.flatten(0, -2).sum(0)


class ByEquations:
    """Inside the block every layer is computed by the equations, with products of rounded numbers."""

    def __init__(self, monkeypatch: Any) -> None:
        self.monkeypatch, self.path = monkeypatch, recurrent_path("reference")

    def __enter__(self) -> None:
        self.context = self.monkeypatch.context()
        self.context.__enter__().setattr(nn.functional, "linear", RoundedLinear.apply)
        self.path.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.path.__exit__(*error)
        self.context.__exit__(*error)
