"""Many inputs through a siamese network: batches of similar length, vectors in the caller's order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging

from .similarity import unit_length
from .tokenizer_lock import tokenizer_lock


__all__ = ["NO_LIMIT", "encode", "tokenized"]


# Above it `model_max_length` says that a tokenizer has no limit.
NO_LIMIT = 10**9


@torch.no_grad()
def encode(
    model: Any,
    inputs: str | Iterable[str] | torch.Tensor,
    tokenizer: PreTrainedTokenizerBase | None = None,
    batch_size: int = 64,
    progress: bool = False,
    normalize: bool = False,
) -> torch.Tensor:
    """The embeddings of many inputs, in evaluation mode and without gradients.

    The longest texts come first, so that a batch has little padding, and if memory does not suffice it shows at once;
    a length is taken to be a number of characters. Texts beyond the tokenizer's `model_max_length` are cut.

    Args:
        model: A `SiameseModel`.
        inputs: Texts; or images as `pixel_values` (images, channels, height, width).
        tokenizer: By default the one in the folder that the model was loaded from, at the same revision, loaded once.
            It is never code from there: a tokenizer that needs `trust_remote_code` has to be given.
        batch_size: Inputs that are computed together.
        progress: Whether a bar is shown, on standard error.
        normalize: Whether vectors are divided by their length; the zero vector stays what it is.

    Returns:
        float32 on the CPU, (inputs, features) in the order of `inputs`; for a single string (features).

    Raises:
        ValueError: for inputs that are neither texts nor images, a `batch_size` below 1, or no tokenizer.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"`batch_size`={batch_size!r} must be an integer of at least 1.")
    if isinstance(inputs, str):
        return encode(model, [inputs], tokenizer, batch_size, progress, normalize)[0]
    rows = inputs if isinstance(inputs, torch.Tensor) else _texts(inputs)
    vectors = torch.empty(len(rows), model.config.output_size)
    order = list(range(len(rows)))
    if not isinstance(rows, torch.Tensor):
        order.sort(key=lambda index: len(rows[index]), reverse=True)
        if rows and tokenizer is None:
            tokenizer = _own_tokenizer(model)
    was_training = model.training
    model.eval()
    try:
        with logging.tqdm(total=len(rows), desc="Encoding", unit="input", disable=not progress) as bar:
            for start in range(0, len(rows), batch_size):
                chosen = order[start : start + batch_size]
                if isinstance(rows, torch.Tensor):
                    batch = {"pixel_values": rows[chosen].to(model.device, model.dtype)}
                else:
                    batch = tokenized([rows[index] for index in chosen], tokenizer, model.device)
                vectors[chosen] = model(**batch).embeddings.float().cpu()
                bar.update(len(chosen))
    finally:
        model.train(was_training)
    return unit_length(vectors) if normalize else vectors


def _texts(inputs: Iterable[str]) -> list[str]:
    texts = list(inputs)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"`inputs` has a {type(text).__name__} at {index}; it must hold strings, or be a tensor of images "
                "(images, channels, height, width)."
            )
    return texts


def _own_tokenizer(model: Any) -> PreTrainedTokenizerBase:
    if model.tokenizer is None:
        if not model.name_or_path:
            raise ValueError("`tokenizer` is None, and the model was not loaded from a folder that could hold one.")
        model.tokenizer = AutoTokenizer.from_pretrained(model.name_or_path, **model.place)
    return model.tokenizer


def tokenized(texts: list[str], tokenizer: Any, device: torch.device) -> dict[str, torch.Tensor]:
    """A model's inputs (texts, time), padded on the right, cut at the tokenizer's `model_max_length`."""
    limited = tokenizer.model_max_length < NO_LIMIT
    with tokenizer_lock(tokenizer):
        tokens = tokenizer(texts, padding=True, padding_side="right", truncation=limited, return_tensors="pt")
    # Where all texts are empty, transformers makes tensors of no width, and of floating point.
    return {name: tokens[name].long().to(device) for name in tokenizer.model_input_names if name in tokens}
