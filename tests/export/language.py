"""A small language model with its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hf_rnn.data.tokenizers.training import train_tokenizer
from tests.models.common import build_language_model


TEXTS = ["the cat sat on the mat .", "a dog sat on the cat .", "the dog is not a cat ."]


def save_language_model(folder: Path, variant: str = "lstm", kind: Any = "character", **generation: Any) -> Path:
    """A checkpoint that starts at random, and is sure of what comes next; rounding does not grow in it."""
    tokenizer = train_tokenizer(TEXTS, kind=kind, vocab_size=270, min_frequency=1, show_progress=False)
    model = build_language_model(variant, vocab_size=len(tokenizer), hidden_sizes=[12, 8]).float()
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter /= 3 if parameter.dim() > 1 else 1
        model.lm_head.weight *= 3
    model.generation_config.update(**generation)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
