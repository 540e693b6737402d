"""Many texts through a language model: what each costs it, and how it goes on with each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import Pipeline

from ..kernels.threads import computing_threads
from ..models.state_name import STATE_NAME
from ..models.tokenizer_lock import tokenizer_lock
from .prediction import predict_texts


__all__ = ["continuations", "text_losses"]


# Scores of the next token that are in memory at once: 64 MB of float32.
SCORES_AT_ONCE = 2**24


def text_losses(model: Any, tokenizer: Any, texts: Sequence[str], batch_size: int = 64) -> list[tuple[float, int]]:
    """The negative log-likelihood of each text.

    Every token is predicted from those before it. The first is predicted where the tokenizer puts a token before it,
    as that of a model of documents does. A text of any length is read in windows, with the state carried on.

    Args:
        model: One with a head for causal language modelling.
        tokenizer: Its tokenizer.
        texts: None of them without a token to predict.
        batch_size: Texts of similar length that are computed together.

    Returns:
        For each text the sum over its predicted tokens, in nats, and their number.

    Raises:
        ValueError: a text has no token to predict.
    """
    with tokenizer_lock(tokenizer):
        rows = tokenizer(list(texts), verbose=False)["input_ids"]
    for index, ids in enumerate(rows):
        if len(ids) < 2:
            raise ValueError(f"`texts` has {texts[index]!r} at {index}, with no token to predict from another.")
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    found: list[tuple[float, int]] = [(0.0, 0)] * len(rows)
    with torch.inference_mode(), computing_threads(model):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = [torch.tensor(rows[index]) for index in chosen]
            for index, nats in zip(chosen, _nats(model, batch), strict=True):
                found[index] = nats, len(rows[index]) - 1
    return found


def _nats(model: Any, rows: list[torch.Tensor]) -> list[float]:
    """Sum the loss of each row of ids in nats, over all its tokens but the first; the longest row comes first."""
    # The padding needs no mask: what stands after the last token of a row cannot change what was predicted before.
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    targets = torch.nn.utils.rnn.pad_sequence([row[1:] for row in rows], batch_first=True, padding_value=-100)
    steps = max(1, SCORES_AT_ONCE // (len(rows) * model.config.get_text_config().vocab_size))
    totals = torch.zeros(len(rows), dtype=torch.float64)
    state: dict[str, Any] = {}
    for start in range(0, targets.shape[1], steps):
        window = slice(start, min(start + steps, targets.shape[1]))
        outputs = model(input_ids=ids[:, window], use_cache=True, **state)
        state = {STATE_NAME: getattr(outputs, STATE_NAME)}
        losses = functional.cross_entropy(
            outputs.logits.float().transpose(1, 2), targets[:, window], ignore_index=-100, reduction="none"
        )
        totals += losses.double().sum(1)
    return totals.tolist()


def continuations(pipeline: Pipeline, texts: Sequence[str], batch_size: int, max_new_tokens: int) -> list[str]:
    """What the model writes after each text, by the likeliest token each time.

    Args:
        pipeline: One for text-generation.
        texts: What it goes on with.
        batch_size: Texts of similar length that are computed together.
        max_new_tokens: The most tokens of a continuation.
    """
    tokenizer: Any = pipeline.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    found = predict_texts(
        pipeline,
        texts,
        batch_size,
        progress=False,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        return_full_text=False,
    )
    return [answers[0]["generated_text"] for answers in found]
