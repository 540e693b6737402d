"""A checkpoint as the model that it was saved as, whatever that is."""

from __future__ import annotations

from pathlib import Path

import transformers
from transformers import AutoConfig, PreTrainedModel

from ..models.configuration_seq2seq import RecurrentEncoderDecoderConfig
from ..progress import without_weight_bars
from ..runs.kinds import auto_class_of


__all__ = ["load_with_head"]


@without_weight_bars()
def load_with_head(checkpoint: str | Path) -> PreTrainedModel:
    """The model in a folder or repository of the Hub, in evaluation mode, by the class that its `config.json` names.

    Raises:
        ValueError: there is no such checkpoint, or it is of a class without a head that could be explained.
    """
    try:
        config = AutoConfig.from_pretrained(checkpoint)
    except OSError as error:
        raise ValueError(
            f"`checkpoint`={str(checkpoint)!r} is neither the folder of a checkpoint nor a repository of the Hub "
            "that can be reached or is in the cache."
        ) from error
    architecture = (config.architectures or ["model without a head"])[0]
    auto_class = auto_class_of(architecture)
    if auto_class is not None:
        # Only so do encoder-decoders of transformers keep the weights of their attention; ours always do.
        eager = config.is_encoder_decoder and not isinstance(config, RecurrentEncoderDecoderConfig)
        options = {"attn_implementation": "eager"} if eager else {}
        model: PreTrainedModel = getattr(transformers, auto_class).from_pretrained(checkpoint, **options)
        return model.eval()
    raise ValueError(
        f"`checkpoint`={str(checkpoint)!r} is a {architecture}; it must be a classifier, tagger, language model, "
        "encoder-decoder or siamese network."
    )
