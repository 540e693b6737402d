"""`generate()` of transformers, as it is, for an encoder-decoder whose decoder carries a state of constant size."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationConfig

from .configuration_seq2seq import RecurrentEncoderDecoderConfig
from .generation_rnn import StateGenerationMixin, starting_state
from .state_name import STATE_NAME


__all__ = ["EncoderDecoderGenerationMixin"]


class EncoderDecoderGenerationMixin(StateGenerationMixin):
    """Tells transformers' `generate` what it has to know: the encoder reads the source once, and the decoder starts
    from what the bridge makes of it, or from a `cache` that is given.

    Raises:
        ValueError: for another kind of cache (`cache_implementation`, keys and values), or assisted generation (the
            state cannot forget).
    """

    config: RecurrentEncoderDecoderConfig

    def _prepare_attention_mask_for_generation(
        self, inputs_tensor: torch.Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]
    ) -> torch.Tensor:
        # The padding of a source is the encoder's; transformers looks for that of a target.
        pad = self.config.reads.pad_token_id
        if inputs_tensor.dim() == 2 and pad is not None:
            return (inputs_tensor != pad).long()
        return torch.ones(inputs_tensor.shape[:2], dtype=torch.long, device=inputs_tensor.device)

    # By default transformers makes a cache of keys and values for each token.
    def _prepare_cache_for_generation(
        self,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        generation_mode: Any,
        batch_size: int,
        max_cache_length: int,
    ) -> Any:
        if generation_config.cache_implementation is not None:
            raise ValueError(
                f"`cache_implementation` is {generation_config.cache_implementation!r}; a recurrent model must have "
                "None: its state is of constant size already."
            )
        if generation_config.prefill_chunk_size is not None:
            raise ValueError(
                f"`prefill_chunk_size` is {generation_config.prefill_chunk_size}; an encoder-decoder must have None: "
                "its source is read at once."
            )
        copies = max(generation_config.num_beams, generation_config.num_return_sequences)
        given = model_kwargs.pop(STATE_NAME, None)
        if given is not None:
            model_kwargs[STATE_NAME] = starting_state(given, batch_size, copies, generation_config.use_cache)
