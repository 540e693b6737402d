"""The loss of a language model over a whole text, read once with the state carried from window to window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from ..data.batches.streams import TokenStreams, window_bounds


__all__ = ["text_loss", "window_of"]


# Steps of one forward pass, of all streams together: the scores of that many tokens are in memory at once.
STEPS_AT_ONCE = 512


@torch.no_grad()
def text_loss(
    model: PreTrainedModel,
    streams: TokenStreams,
    *,
    window: int | None = None,
    on_window: Callable[[], Any] | None = None,
) -> float:
    """The negative log-likelihood, in nats, of all tokens but the first, each given everything before it in its
    stream.

    With one stream that is the whole text, and the figure does not depend on `window`. More streams are read sooner,
    and the first tokens of each are predicted without what stands before them. It is computed in the precision of the
    weights: Σ −log p(token | those before it), the sum whose mean is the loss of Mikolov et al. 2010
    (https://doi.org/10.21437/Interspeech.2010-343).

    Args:
        model: A recurrent language model.
        streams: The tokens of the text, as parallel streams.
        window: Steps of one forward pass; by default as many as take `STEPS_AT_ONCE` steps of all streams.
        on_window: Called after each.

    Example:
        >>> nats = text_loss(model, TokenStreams(encode_text(tokenizer, ["a text"])))  # doctest: +SKIP
        >>> language_metrics(nats, tokens=2, characters=6)  # doctest: +SKIP
    """
    was_training = model.training
    model.eval()
    try:
        total, state = 0.0, None
        for start, end in window_bounds(streams.num_steps, window or window_of(streams)):
            outputs = model(
                input_ids=streams.inputs[:, start:end].long().to(model.device), cache=state, use_cache=True
            )
            state = outputs.cache
            targets = streams.targets[:, start:end].long().to(model.device)
            total += _nats(outputs.logits, targets)
            if on_window is not None:
                on_window()
        return total
    finally:
        model.train(was_training)


def window_of(streams: TokenStreams) -> int:
    """The steps of a window that `text_loss` takes by default."""
    return max(1, STEPS_AT_ONCE // streams.num_columns)


def _nats(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Nats, summed over (batch, time) without rounding a long sum to the few digits of a float32."""
    losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return float(losses.double().sum())
