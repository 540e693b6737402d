"""The layers of a model from its head down to its embeddings, and a learning rate for each (Howard & Ruder 2018,
https://arxiv.org/abs/1801.06146, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


__all__ = ["decay_learning_rates", "layer_groups"]


def layer_groups(model: nn.Module) -> list[list[nn.Parameter]]:
    """The trainable parameters of `model`: of the head, of each layer of its stack from the top, of the embeddings.

    The head is all that is neither in the stack nor in the embeddings, such as the pooling and the dense layers. What
    two groups share is in the lower one. A group without a trainable parameter is left out.

    Raises:
        ValueError: the model has no `embeddings` with one stack of layers over them, as ours and BERTs have.
    """
    has_embeddings = (part for part in model.modules() if isinstance(getattr(part, "embeddings", None), nn.Module))
    backbone = next(has_embeddings, None)
    stacks = [] if backbone is None else _stacks(backbone)
    if backbone is None or len(stacks) != 1:
        raise ValueError(
            "`discriminative_lr_decay` and `gradual_unfreezing` need a model with `embeddings` and one stack of "
            f"layers over them, as a recurrent one or a BERT has; {type(model).__name__} is built otherwise."
        )
    parts: list[nn.Module] = [*reversed(list(stacks[0].children())), backbone.get_submodule("embeddings")]
    depths = {parameter: depth for depth, part in enumerate(parts, start=1) for parameter in part.parameters()}
    groups: list[list[nn.Parameter]] = [[] for _ in range(len(parts) + 1)]
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[depths.get(parameter, 0)].append(parameter)
    return [group for group in groups if group]


def _stacks(module: nn.Module) -> list[nn.ModuleList]:
    """The outermost lists of layers, but those of the embeddings."""
    if isinstance(module, nn.ModuleList):
        return [module]
    return [stack for name, part in module.named_children() if name != "embeddings" for stack in _stacks(part)]


def decay_learning_rates(
    optimizer: torch.optim.Optimizer, groups: Sequence[Sequence[nn.Parameter]], decay: float
) -> None:
    """Discriminative fine-tuning: give each of `groups`, the head first, the learning rate of the one above divided by
    `decay`. What else the optimizer sets for a parameter, such as its weight decay, stays.

    Args:
        optimizer: One that has made no step yet, of the parameters in `groups`.
        groups: Those that [`layer_groups`] gives.
        decay: 2.6 in the paper.
    """
    depths = {parameter: depth for depth, group in enumerate(groups) for parameter in group}
    given, optimizer.param_groups = optimizer.param_groups, []
    # The head's first: of the first group the Trainer logs the learning rate.
    for depth in range(len(groups)):
        for group in given:
            parameters = [parameter for parameter in group["params"] if depths[parameter] == depth]
            if parameters:
                optimizer.add_param_group({**group, "params": parameters, "lr": group["lr"] / decay**depth})
