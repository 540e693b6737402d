"""A tokenizer for models that write: each text ends with a token that says that nothing follows."""

from __future__ import annotations

import copy

from tokenizers import processors
from transformers import PreTrainedTokenizerFast


__all__ = ["with_sequence_end"]


def with_sequence_end(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy of `tokenizer` that puts its `eos_token` behind each text, of a source as well as of a target.

    A tokenizer that adds something to a text already is given back as it is.

    Raises:
        ValueError: it has no `eos_token`.
    """
    token = tokenizer.eos_token
    if token is None:
        raise ValueError("`tokenizer` has no `eos_token`, by which a model that writes ends a text; give it one.")
    if tokenizer.num_special_tokens_to_add(pair=False):
        return tokenizer
    ending = copy.deepcopy(tokenizer)
    template = processors.TemplateProcessing(
        single=["$A", token],
        pair=["$A", token, "$B", token],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token))],
    )
    backend = ending.backend_tokenizer
    before = [] if backend.post_processor is None else [backend.post_processor]
    backend.post_processor = processors.Sequence([*before, template])
    return ending
