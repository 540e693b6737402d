"""What `separate_vocabularies` needs of the other arguments of a run, and of the checkpoint that it goes on from."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from .arguments import FAMILIES, SequenceModelArguments, SequenceTokenizerArguments


__all__ = ["check_separate", "resumed_target_size"]


def check_separate(arguments: SequenceTokenizerArguments, model: SequenceModelArguments) -> None:
    """Raises:
    ValueError: `separate_vocabularies` was given beside what leaves nothing to separate.
    """
    if not arguments.separate_vocabularies:
        return
    named = {
        "tokenizer_name_or_path": arguments.tokenizer_name_or_path,
        "model_name_or_path": model.model_name_or_path,
    }
    for name, value in named.items():
        if value is not None:
            raise ValueError(
                f"`separate_vocabularies` and `{name}`={value!r} were both given: the vocabularies of a tokenizer "
                "that exists stay as they are. Leave one of the two out."
            )
    if model.model_type not in (None, *FAMILIES):
        raise ValueError(
            f"`separate_vocabularies` needs `model_type` to be one of {', '.join(FAMILIES)}; it is "
            f"{model.model_type!r}, which reads and writes one vocabulary."
        )
    if model.overrides().get("share_embeddings"):
        raise ValueError(
            "`config_overrides` give `share_embeddings`=true, one table of embeddings for both vocabularies; with "
            "`separate_vocabularies` it must be false: leave one of the two out."
        )


def resumed_target_size(checkpoint: str) -> int:
    """The number of tokens that targets use in the run of `checkpoint`: the decoder has so many entries.

    Raises:
        ValueError: that run has one vocabulary, and one table of embeddings.
    """
    config: Any = AutoConfig.from_pretrained(checkpoint)
    if config.share_embeddings:
        raise ValueError(
            f"`separate_vocabularies` is True, and the run that goes on from {checkpoint!r} has one vocabulary: leave "
            "it out, or start another run in a new `output_dir`."
        )
    return int(config.vocab_size)
