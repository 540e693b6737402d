"""Shows what a model with attention pooling looks at (Yang et al. 2016, https://aclanthology.org/N16-1174)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .evaluation import evaluation_mode
from .figures import name_steps, new_figure, width_for
from .steps import NotApplicableError, as_array, backbone_of, read_text


if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["AttentionWeights", "attention_weights"]


@dataclass(frozen=True)
class AttentionWeights:
    """Attributes:
    steps: What was read at each of them: tokens, or words in a model of words.
    weights: (time), how much of the pooled vector comes from each step; at least 0, their sum 1.
    total_tokens: The tokens of the whole text, those that were cut off by `max_tokens` included.
    """

    steps: tuple[str, ...]
    weights: np.ndarray
    total_tokens: int

    def figure(self) -> Figure:
        """A bar for each step; the dashed line is where all would be, were they equal."""
        figure = new_figure(width_for(self.steps), 2.8)
        axes = figure.subplots()
        axes.bar(range(len(self.steps)), self.weights, color="C0", width=0.9)
        axes.axhline(1 / len(self.steps), color="black", linestyle="--", linewidth=0.8)
        axes.set_ylabel("attention weight")
        axes.margins(x=0.01)
        name_steps(axes, self.steps)
        return figure


def attention_weights(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, max_tokens: int | None = None
) -> AttentionWeights:
    """The weights by which attention pooling averages the steps of `text`.

    Args:
        model: One whose `config.pooling` is "attention"; of a siamese network its encoder.
        max_tokens: The first of them are read, as if the text ended there; None: all.

    Raises:
        NotApplicableError: the model pools in another way.
        ValueError: `text` is no string or has no token, or `max_tokens` is below 1.
    """
    backbone = backbone_of(model)
    pool = backbone.pooler.attention
    if pool is None:
        raise NotApplicableError(f"`model` has `pooling`={backbone.config.pooling!r}; it must be 'attention'.")
    read = read_text(model, tokenizer, text, max_tokens)
    found: list[torch.Tensor] = []

    def keep(module: Any, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        found.append(module.weights(*arguments))

    handle = pool.register_forward_hook(keep)
    try:
        with torch.no_grad(), evaluation_mode(model):
            backbone(**read.inputs)
    finally:
        handle.remove()
    return AttentionWeights(read.steps, as_array(found[0][0]), read.total_tokens)
