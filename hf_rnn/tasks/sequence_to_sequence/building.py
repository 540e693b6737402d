"""The tokenizer and the model of a sequence-to-sequence run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel, PreTrainedTokenizerBase

from ...data.tokenizers.sequence_end import with_sequence_end
from ...models.configuration_seq2seq import ENCODER_DECODERS
from ..building import build_tokenizer, checkpoint_config
from ..overrides import check_tokens
from .arguments import FAMILIES, SequenceModelArguments, SequenceTokenizerArguments


__all__ = ["build_sequence_model", "build_sequence_tokenizer"]


DEFAULT_FAMILY = "gru"
# Units of a direction of the encoder, and of the decoder; features of a token; what is dropped of a new model.
ENCODER_SIZE, DECODER_SIZE, EMBEDDING_SIZE = 256, 512, 256
NEW_DROPOUT = {"embedding_dropout": 0.3, "dropout": 0.4}


def build_sequence_tokenizer(
    arguments: SequenceTokenizerArguments,
    model: SequenceModelArguments,
    texts: Iterable[str],
    *,
    checkpoint: str | None = None,
    show_progress: bool = True,
) -> PreTrainedTokenizerBase:
    """The tokenizer that is named, that of the checkpoint, or one trained on sources and targets; each text ends with
    its `eos_token`.
    """
    found = build_tokenizer(
        arguments, model, texts, checkpoint=checkpoint, end_of_text=True, show_progress=show_progress
    )
    return with_sequence_end(cast(Any, found)) if found.eos_token is not None else found


def build_sequence_model(arguments: SequenceModelArguments, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """A new model for the tokens of `tokenizer`, or the checkpoint.

    Raises:
        ValueError: `config_overrides` contradict the tokenizer or the family, or the tokenizer has more entries than
            the model has embeddings.
    """
    overrides = arguments.overrides()
    check_tokens(overrides, tokenizer)
    config = checkpoint_config(arguments, **overrides)
    if config is not None:
        model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(
            arguments.model_name_or_path,
            config=config,
            revision=arguments.revision,
            trust_remote_code=arguments.trust_remote_code,
            dtype=torch.float32,
        )
    else:
        model = AutoModelForSeq2SeqLM.from_config(_new_config(arguments, tokenizer, overrides))
    size = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > size:
        raise ValueError(
            f"The tokenizer has {len(tokenizer)} entries; the model has {size} embeddings. Give the "
            "`tokenizer_name_or_path` that the model was trained with."
        )
    return model


def _new_config(
    arguments: SequenceModelArguments, tokenizer: PreTrainedTokenizerBase, overrides: dict[str, Any]
) -> Any:
    family = arguments.model_type or DEFAULT_FAMILY
    tokens = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        # A target begins where the one before it has ended.
        "decoder_start_token_id": tokenizer.eos_token_id,
    }
    if family not in FAMILIES:
        return AutoConfig.for_model(family, **{"vocab_size": len(tokenizer), **tokens, **overrides})
    # One table serves the encoder, the decoder and the output layer: the vocabulary is one.
    special = {name: tokens[name] for name in ("pad_token_id", "eos_token_id")}
    common = {"vocab_size": len(tokenizer), "embedding_size": EMBEDDING_SIZE, **special, **NEW_DROPOUT}
    values: dict[str, Any] = {"share_embeddings": True, "tie_word_embeddings": True, **tokens, **overrides}
    defaults = {
        "encoder": {"hidden_size": ENCODER_SIZE, "bidirectional": True},
        "decoder": {"hidden_size": DECODER_SIZE},
    }
    for part, own in defaults.items():
        given = values.pop(part, {})
        values[part] = {"model_type": family, **common, **(own if "model_type" not in given else {}), **given}
    return ENCODER_DECODERS[f"{family}-encoder-decoder"](**values)
