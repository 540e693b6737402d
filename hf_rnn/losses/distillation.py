"""The loss of a student against its teacher's scores."""

from __future__ import annotations

import torch
from torch.nn import functional


__all__ = ["distillation_loss"]


def distillation_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² · KL(softmax(teacher / T) ‖ softmax(student / T)) of each item, (items).

    T² keeps the size of the gradient whatever the temperature (Hinton et al. 2015, https://arxiv.org/abs/1503.02531,
    section 2.1). With logarithms of
    probabilities p the softened distribution is p^(1/T), normalised; the loss is 0 where the two distributions are the
    same, at every temperature.

    Args:
        student: Logits, or logarithms of probabilities, (items, labels).
        teacher: The same of the teacher, its labels in the same order.
        temperature: T, above 0.

    Returns:
        (items).

    Example:
        >>> student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]])
        >>> distillation_loss(student, teacher, temperature=2.0)  # 4 · Σ p · log(p / ½), p = softmax(0, 1)
        tensor([0.4438])
    """
    precision = torch.promote_types(student.dtype, torch.float32)
    student, teacher = (torch.log_softmax(logits.to(precision) / temperature, -1) for logits in (student, teacher))
    divergence = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)
    return temperature**2 * divergence
