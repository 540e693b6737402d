r"""Numbers as whole numbers of 8 bits, a row at a time, each row with a scale of its own:

    x ≈ s q,   s = max |x| / 127,   q = round(x / s)  in  {-127, …, 127}

There is no zero point: 0 stays 0 (symmetric quantization; Jacob et al. 2018, https://arxiv.org/abs/1712.05877). A row
of weights is what one output is computed from. `kernels/native/int8_products.h` rounds activations in the same way.
"""

from __future__ import annotations

import torch


__all__ = ["LARGEST", "round_activations", "round_weights"]


LARGEST = 127
# A row of smaller numbers is taken for zeros: the inverse of its scale would not be finite.
_LEAST = 1e-30


def round_activations(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round float32 rows (…, features) to whole numbers, float32 still, and their scales (…, 1). A row with NaN has
    NaN as its scale.
    """
    largest = rows.abs().amax(-1, keepdim=True) if rows.shape[-1] else rows.new_zeros(*rows.shape[:-1], 1)
    small = largest < _LEAST
    inverse = torch.where(small, torch.zeros_like(largest), LARGEST / largest)
    scales = torch.where(small, torch.zeros_like(largest), largest / LARGEST)
    return (rows * inverse).round().clamp(-LARGEST, LARGEST).nan_to_num(LARGEST), scales


def round_weights(name: str, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a matrix (rows, features) to int8 (rows, features) and float32 scales (rows).

    Raises:
        ValueError: a number of `weight`, which the message calls by `name`, is NaN or infinite.
    """
    weight = weight.detach().float()
    if not weight.isfinite().all():
        raise ValueError(f"`{name}` has numbers that are NaN or infinite; a model with such weights has no 8 bits.")
    whole, scales = round_activations(weight)
    return whole.to(torch.int8), scales.squeeze(-1)
