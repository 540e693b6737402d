"""A tokenizer for models of documents: each text starts where the document before it has ended."""

from __future__ import annotations

import copy

from tokenizers import processors
from transformers import PreTrainedTokenizerFast


__all__ = ["with_document_start"]


def with_document_start(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy of `tokenizer` that puts its `eos_token` before each text, as its `bos_token`.

    A language model that has read documents one after the other knows the beginning of one by the end of the one
    before it. So a prompt is read as the beginning of a document, and an empty one is a document to be written from
    scratch.
    A tokenizer that puts something before a text already is given back as it is.

    Raises:
        ValueError: it has no `eos_token`.
    """
    token = tokenizer.eos_token
    if token is None:
        raise ValueError("`tokenizer` has no `eos_token`, which documents end with; give it one.")
    if tokenizer.num_special_tokens_to_add(pair=False):
        return tokenizer
    starting = copy.deepcopy(tokenizer)
    template = processors.TemplateProcessing(
        single=[token, "$A"],
        pair=[token, "$A", "$B"],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token))],
    )
    backend = starting.backend_tokenizer
    before = [] if backend.post_processor is None else [backend.post_processor]
    backend.post_processor = processors.Sequence([*before, template])
    starting.bos_token = token
    return starting
