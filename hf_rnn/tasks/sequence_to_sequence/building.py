"""The tokenizer and the model of a sequence-to-sequence run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel, PreTrainedTokenizerBase

from ...data.tokenizers.separate_vocabularies import train_separate_vocabularies
from ...data.tokenizers.sequence_end import with_sequence_end
from ...models.configuration_seq2seq import ENCODER_DECODERS, RecurrentEncoderDecoderConfig
from ..building import build_tokenizer, checkpoint_config, training_options
from ..overrides import check_tokens
from .arguments import FAMILIES, SequenceModelArguments, SequenceTokenizerArguments
from .separate import check_separate, resumed_target_size


__all__ = ["build_sequence_model", "build_sequence_tokenizer"]


DEFAULT_FAMILY = "gru"
# A new model has so many units in each direction of the encoder, and in the decoder, so many features of a token, and
# drops so much in training.
ENCODER_SIZE, DECODER_SIZE, EMBEDDING_SIZE = 256, 512, 256
NEW_DROPOUT = {"embedding_dropout": 0.3, "dropout": 0.4}


def build_sequence_tokenizer(
    arguments: SequenceTokenizerArguments,
    model: SequenceModelArguments,
    sources: Iterable[str],
    targets: Iterable[str],
    *,
    checkpoint: str | None = None,
    show_progress: bool = True,
) -> tuple[PreTrainedTokenizerBase, int | None]:
    """The tokenizer that is named, that of the checkpoint, or one trained on sources and targets; each text ends with
    its `eos_token`.

    Returns:
        The tokenizer, and with `separate_vocabularies` the number of its tokens that targets use; None: all.

    Raises:
        ValueError: `separate_vocabularies` contradict another argument, or the checkpoint.
    """
    check_separate(arguments, model)
    options: dict[str, Any] = {"end_of_text": True, "show_progress": show_progress}
    if arguments.separate_vocabularies and checkpoint is None:
        options |= training_options(arguments, arguments.tokenizer_kind)
        trained, target_size = train_separate_vocabularies(sources, targets, **options)
        return with_sequence_end(trained), target_size
    found = build_tokenizer(arguments, model, chain(sources, targets), checkpoint=checkpoint, **options)
    ended = with_sequence_end(cast(Any, found)) if found.eos_token is not None else found
    return ended, resumed_target_size(checkpoint) if checkpoint and arguments.separate_vocabularies else None


def build_sequence_model(
    arguments: SequenceModelArguments, tokenizer: PreTrainedTokenizerBase, target_size: int | None = None
) -> PreTrainedModel:
    """A new model for the tokens of `tokenizer`, or the checkpoint.

    Args:
        target_size: The number of tokens that targets use, of a new model with separate vocabularies; None: the
            vocabularies are one.

    Raises:
        ValueError: `config_overrides` contradict the tokenizer or the family, or the tokenizer has more entries than
            the model has embeddings.
    """
    overrides = arguments.overrides()
    check_tokens(overrides, tokenizer)
    config = checkpoint_config(arguments, **overrides)
    if config is not None:
        model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(
            str(arguments.model_name_or_path),
            config=config,
            revision=arguments.revision,
            trust_remote_code=arguments.trust_remote_code,
            dtype=torch.float32,
        )
    else:
        model = AutoModelForSeq2SeqLM.from_config(_new_config(arguments, tokenizer, overrides, target_size))
    _check_sizes(model, len(tokenizer), None if config is not None else target_size or len(tokenizer))
    return model


def _check_sizes(model: Any, source_size: int, target_size: int | None) -> None:
    """Raises:
    ValueError: the model has fewer embeddings than there are tokens; with None for those of targets, those of the
        decoder, which then say what targets are written in, are enough.
    """
    if isinstance(model.config, RecurrentEncoderDecoderConfig):
        sizes = {"encoder": model.config.reads.vocab_size, "decoder": model.config.writes.vocab_size}
    else:
        sizes = {"model": model.get_input_embeddings().weight.shape[0]}
    for part, size in sizes.items():
        needed = target_size if part == "decoder" else source_size
        if needed is not None and needed > (size or 0):
            raise ValueError(
                f"The tokenizer has {needed} entries{' of targets' * (needed != source_size)}; the {part} has "
                f"{size} embeddings. Give the `tokenizer_name_or_path` that the model was trained with, and no "
                "`vocab_size` in `config_overrides`."
            )


def _new_config(
    arguments: SequenceModelArguments,
    tokenizer: PreTrainedTokenizerBase,
    overrides: dict[str, Any],
    target_size: int | None,
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
    special = {name: tokens[name] for name in ("pad_token_id", "eos_token_id")}
    common = {"embedding_size": EMBEDDING_SIZE, **special, **NEW_DROPOUT}
    sizes = {"encoder": len(tokenizer), "decoder": target_size or len(tokenizer)}
    # One table serves the encoder, the decoder and the output layer, but where the vocabularies are two.
    values: dict[str, Any] = {"share_embeddings": target_size is None, "tie_word_embeddings": True}
    values |= {**tokens, **overrides}
    defaults = {
        "encoder": {"hidden_size": ENCODER_SIZE, "bidirectional": True},
        "decoder": {"hidden_size": DECODER_SIZE},
    }
    for part, own in defaults.items():
        given = values.pop(part, {})
        kept = {} if "model_type" in given else own
        values[part] = {"model_type": family, "vocab_size": sizes[part], **common, **kept, **given}
    return ENCODER_DECODERS[f"{family}-encoder-decoder"](**values)
