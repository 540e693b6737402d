"""Small encoder-decoders with their tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.sequence_end import with_sequence_end
from hf_rnn.data.tokenizers.training import train_tokenizer
from tests.models.seq2seq import build_seq2seq


SOURCES = [
    "the cat sat on the mat .",
    "a dog",
    "the dog is not a cat , and the cat is not a dog .",
    "",
    "not xyz",  # a word that the tokenizer does not know
    "mat mat mat sat on a dog",
]


def word_tokenizer() -> PreTrainedTokenizerFast:
    """Words of the sources, each text ended by `eos_token`."""
    return with_sequence_end(
        train_tokenizer(SOURCES, kind="word", vocab_size=40, min_frequency=1, end_of_text=True, show_progress=False)
    )


def sequence_model(
    tokenizer: PreTrainedTokenizerFast, family: str = "gru", joint: str = "general-None", seed: int = 0, **options: Any
) -> PreTrainedModel:
    """A float32 model that starts at random, for the tokens of `tokenizer`; what it writes depends on what it reads,
    and rounding does not grow in it.
    """
    size, end = len(tokenizer), tokenizer.eos_token_id
    for part in ("encoder", "decoder"):
        options[part] = {"vocab_size": size, "pad_token_id": tokenizer.pad_token_id, **options.pop(part, {})}
    model = build_seq2seq(family, joint, seed, decoder_start_token_id=end, eos_token_id=end, **options).float()
    generation = model.generation_config
    generation.update(decoder_start_token_id=end, eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    with torch.no_grad():
        for name, parameter in model.model.named_parameters():
            parameter *= 2 if "word_embeddings" in name else 0.5 if parameter.dim() > 1 else 1
        # No token is likelier than others whatever was read.
        model.lm_head.bias.zero_()
    return model


def save_sequence_model(folder: Path, **options: Any) -> Path:
    """A checkpoint of `sequence_model` with its tokenizer; what `generation` says is its generation configuration."""
    tokenizer = word_tokenizer()
    generation = options.pop("generation", {})
    model = sequence_model(tokenizer, **options)
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
