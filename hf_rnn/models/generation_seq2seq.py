"""`generate()` of transformers, as it is, for an encoder-decoder whose decoder carries a state of constant size."""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, GenerationMixin

from .generation_rnn import starting_state
from .state_name import STATE_NAME, take_state


__all__ = ["EncoderDecoderGenerationMixin"]


class EncoderDecoderGenerationMixin(GenerationMixin):
    """Tells transformers' `generate` what it has to know: the encoder reads the source once, and the decoder starts
    from what the bridge makes of it, or from a `cache` that is given.

    Raises:
        ValueError: for another kind of cache (`cache_implementation`, keys and values), or assisted generation (the
            state cannot forget).
    """

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate as transformers does; the state that it starts from may be given by any of its names."""
        start = take_state(kwargs)
        if start is not None:
            kwargs[STATE_NAME] = start
        stock: Any = super()
        return stock.generate(*args, **kwargs)

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
        copies = max(generation_config.num_beams, generation_config.num_return_sequences)
        given = model_kwargs.pop(STATE_NAME, None)
        if given is not None:
            model_kwargs[STATE_NAME] = starting_state(given, batch_size, copies, generation_config.use_cache)
