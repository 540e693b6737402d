"""Tiny siamese networks over encoders of every kind, and texts for them."""

from __future__ import annotations

import torch
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerFast

from hf_rnn import SiameseConfig
from hf_rnn.data.tokenizers.training import train_tokenizer


TEXTS = ["a fine film", "dull , dull , dull", "not a bad film at all", "fine", "dull ."]
OTHERS = ["a good film", "dull", "a film , all in all fine , not bad at all", "not fine", "a film"]
ENCODERS = ["bilstm", "gru", "dan", "bert"]


def tokenizer_of_words() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS + OTHERS, kind="word", min_frequency=1, show_progress=False)


def encoder_config(model_type: str, **options):
    sizes = {"hidden_size": 4, "vocab_size": len(tokenizer_of_words())}
    if model_type == "bert":
        sizes |= {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    else:
        sizes |= {"embedding_size": 5}
    return AutoConfig.for_model(model_type, **{**sizes, **options})


def build_siamese(auto_class: type, model_type: str, encoder: dict | None = None, **options) -> PreTrainedModel:
    """A model in eval mode with no parameter left at zero."""
    torch.manual_seed(0)
    config = SiameseConfig(encoder=encoder_config(model_type, **(encoder or {})), **options)
    model = auto_class.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model
