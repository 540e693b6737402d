"""Learning-rate schedules that transformers does not have."""

from __future__ import annotations

from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


__all__ = ["CUT_FRACTION", "RATIO", "slanted_triangular", "slanted_triangular_schedule"]


# Howard & Ruder 2018: the share of the steps in which the rate rises, and the largest rate over the smallest.
CUT_FRACTION = 0.1
RATIO = 32


def slanted_triangular(step: int, num_training_steps: int) -> float:
    """The factor of the learning rate at `step`, from 0, of `num_training_steps` T (Howard & Ruder 2018,
    https://arxiv.org/abs/1801.06146, equation 3): a short linear rise from 1/32 to 1, then a long linear fall to 1/32:

        cut = ⌊T · 0.1⌋
        p = t / cut if t < cut, else 1 − (t − cut) / (T − cut)
        factor = (1 + p · (32 − 1)) / 32

    The paper divides by cut · (1/0.1 − 1), which is T − cut where T is a multiple of 10; elsewhere the factor would
    fall short of its end, or below zero for the fewest steps. With less than 10 steps, too, one is for the rise.
    """
    cut = max(1, int(num_training_steps * CUT_FRACTION))
    p = step / cut if step < cut else 1 - (step - cut) / max(1, num_training_steps - cut)
    return (1 + p * (RATIO - 1)) / RATIO


def slanted_triangular_schedule(optimizer: Optimizer, num_training_steps: int) -> LambdaLR:
    """[`slanted_triangular`] for every parameter group of `optimizer`, whose learning rates are the largest ones."""
    return LambdaLR(optimizer, partial(slanted_triangular, num_training_steps=num_training_steps))
