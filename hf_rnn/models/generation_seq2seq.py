"""`generate()` of transformers, as it is, for an encoder-decoder whose decoder carries a state of constant size."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from transformers import GenerationConfig

from .generation_rnn import StateGenerationMixin
from .state_name import STATE_NAME


__all__ = ["EncoderDecoderGenerationMixin"]


class EncoderDecoderGenerationMixin(StateGenerationMixin):
    """Tells transformers' `generate` what it has to know: the encoder reads the source once, and the decoder starts
    from what the bridge makes of it, or from a `cache` that is given. That goes on with `decoder_input_ids`, the whole
    target, of which the first `cache.get_seq_length()` steps are not read again.

    Raises:
        ValueError: for another kind of cache (`cache_implementation`, keys and values), assisted generation (the state
            cannot forget), or a target of which the state has read everything.
    """

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate as transformers does; what is given is never changed."""
        given = kwargs.get("encoder_outputs")
        if isinstance(given, Mapping):
            # transformers repeats each row in place, for beams and returned sequences.
            kwargs["encoder_outputs"] = copy.copy(given)
        return super().generate(*args, **kwargs)

    def _check_chunks(self, chunk_size: int, model_kwargs: dict[str, Any]) -> None:
        raise ValueError(
            f"`prefill_chunk_size` is {chunk_size}; an encoder-decoder must have None: its source is read at once."
        )

    def _prefill(
        self,
        input_ids: torch.Tensor,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        is_first_iteration: bool = True,
    ) -> Any:
        state = model_kwargs.get(STATE_NAME)
        if state is not None and model_kwargs.get("decoder_attention_mask") is None:
            past, length = state.get_seq_length(), input_ids.shape[1]
            if length <= past:
                raise ValueError(
                    f"`decoder_input_ids` has {length} steps and `cache` has read {past}; it must be the whole "
                    "target, or new tokens with a `decoder_attention_mask` of the whole."
                )
            # By its length transformers knows that the first `past` steps are not to be read again.
            model_kwargs["decoder_attention_mask"] = torch.ones_like(input_ids)
        stock: Any = super()
        return stock._prefill(input_ids, generation_config, model_kwargs, is_first_iteration)
