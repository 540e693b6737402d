"""One text as a network reads it, its steps named; shared by all insights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.backbone import RecurrentModel
from ..models.cache_rnn import RecurrentCache
from ..models.encoding import NO_LIMIT
from ..models.recurrent import RecurrentLayer
from ..models.tokenizer_lock import tokenizer_lock
from .reading import check_text, shown


__all__ = [
    "NotApplicableError",
    "ReadText",
    "as_array",
    "backbone_of",
    "has_backbone",
    "label_names",
    "layers_of",
    "read_in_chunks",
    "read_text",
    "step_ends",
]


# Tokens of a long text that are read between two points at which nothing but the state is kept.
CHUNK = 1024


class NotApplicableError(ValueError):
    """The model is of a kind that has not got what is asked for; with another text it would not have it either."""


@dataclass(frozen=True)
class ReadText:
    """Attributes:
    inputs: `input_ids` and `attention_mask`, each (1, time), on the model's device.
    steps: What each step of the network reads, as it stands in the text: a token, or in a model of words
        (`config.word_vocab_size`) a word.
    total_tokens: How many tokens the whole text has, those that were cut off included.
    """

    inputs: dict[str, torch.Tensor]
    steps: tuple[str, ...]
    total_tokens: int


def read_text(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    max_tokens: int | None = None,
    name: str = "text",
) -> ReadText:
    """`text` as `model` reads it, special tokens included, up to the tokenizer's `model_max_length` if it has one.

    Args:
        max_tokens: The first of them are read, as if the text ended there; None: all.
        name: What the argument is called in errors.

    Raises:
        ValueError: `text` is no string, is not valid Unicode or has no token, or `max_tokens` is below 1.
    """
    check_text(name, text)
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"`max_tokens`={max_tokens} must be at least 1, or None.")
    limited = tokenizer.model_max_length < NO_LIMIT
    with tokenizer_lock(tokenizer):
        encoded = tokenizer(text, truncation=limited, return_offsets_mapping=tokenizer.is_fast)
    all_ids = cast(list[int], encoded["input_ids"])
    if not all_ids:
        raise ValueError(f"`{name}`={shown(text)} has no token; it must hold at least one.")
    ids = all_ids[:max_tokens]
    tokens = cast(list[str], tokenizer.convert_ids_to_tokens(ids))
    spans: Sequence[tuple[int, int]] = encoded.get("offset_mapping") or [(0, 0)] * len(ids)
    input_ids = torch.tensor([ids], device=model.device)
    mask = torch.ones_like(input_ids)
    words = backbone_of(model).embeddings.find_words(input_ids, mask.bool()) if has_backbone(model) else None
    if words is None:
        # A special token stands nowhere in the text.
        steps = [text[start:end] or token for token, (start, end) in zip(tokens, spans, strict=False)]
    else:
        first = words.first[0].tolist()
        pieces = zip(first, [*first[1:], len(ids)], strict=True)
        steps = [text[spans[start][0] : spans[end - 1][1]] or "".join(tokens[start:end]) for start, end in pieces]
    return ReadText({"input_ids": input_ids, "attention_mask": mask}, tuple(steps), len(all_ids))


def has_backbone(model: nn.Module) -> bool:
    """Whether there is one recurrent network, or bag of words, in `model`."""
    return sum(isinstance(module, RecurrentModel) for module in model.modules()) == 1


def backbone_of(model: nn.Module) -> RecurrentModel:
    """The network in `model`: of a classifier, tagger, language model or siamese network what is below the head.

    Raises:
        NotApplicableError: there is none.
    """
    if not has_backbone(model):
        raise NotApplicableError(f"`model` is a {type(model).__name__}, which is not one network of hf_rnn.")
    return next(module for module in model.modules() if isinstance(module, RecurrentModel))


def layers_of(backbone: RecurrentModel) -> list[RecurrentLayer]:
    """The recurrent layers.

    Raises:
        NotApplicableError: there is none (Dan).
    """
    if not backbone.layers:
        raise NotApplicableError(f"`model` is of type {backbone.config.model_type!r}, which has no recurrence.")
    return cast(list[RecurrentLayer], list(backbone.layers))


def read_in_chunks(model: nn.Module, read: ReadText, **options: Any) -> Iterator[Any]:
    """The outputs of `model`, a backbone or a language model, for `CHUNK` steps at a time. From one to the next
    nothing but the state is kept, so that memory does not grow with the text.
    """
    state: RecurrentCache | None = None
    # No word is parted.
    begins = step_ends(model, read)[CHUNK - 1 : -1 : CHUNK] + 1
    for part in read.inputs["input_ids"].tensor_split(begins.tolist(), dim=1):
        output = model(part, torch.ones_like(part), cache=state, use_cache=True, **options)
        state = output.cache
        yield output


def step_ends(model: nn.Module, read: ReadText) -> torch.Tensor:
    """The place in `input_ids` of the last token of every step, (steps): in a model of words the last of each word."""
    ids = read.inputs["input_ids"]
    words = backbone_of(model).embeddings.find_words(ids, torch.ones_like(ids, dtype=torch.bool))
    if words is None:
        return torch.arange(ids.shape[1], device=ids.device)
    return torch.cat([words.first[0, 1:], words.first.new_tensor([ids.shape[1]])]) - 1


def label_names(model: PreTrainedModel) -> tuple[str, ...]:
    """The labels in the order of their numbers."""
    names = cast(dict[int, str], model.config.id2label)
    return tuple(str(names[number]) for number in range(len(names)))


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Copy a tensor to an array of its own type; of float32 where numpy has no such type."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
