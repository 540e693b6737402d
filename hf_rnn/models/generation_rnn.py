"""`generate()` of transformers, as it is, over a state of constant size."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import GenerationConfig, GenerationMixin

from .backbone import RecurrentModel
from .cache_rnn import RecurrentCache
from .state_name import STATE_NAME, take_state
from .token_reader import tokens_read_by


__all__ = ["RecurrentGenerationMixin", "StateGenerationMixin", "starting_state"]


class StateGenerationMixin(GenerationMixin):
    """What every model that writes has in common: it generates with its state, given by any of its names."""

    generation_config: GenerationConfig

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate as transformers does; the state that it starts from may be given by any of its names."""
        start = take_state(kwargs)
        if start is not None:
            kwargs[STATE_NAME] = start
        stock: Any = super()
        return stock.generate(*args, **kwargs)

    def adjust_generation_fn(self, *args: Any, **kwargs: Any) -> None:
        """Read the options of generation from a folder, as transformers does."""
        stock: Any = super()
        stock.adjust_generation_fn(*args, **kwargs)
        self.keep_state()

    def keep_state(self) -> None:
        """Generate with the state, unless a generation configuration of its own says otherwise: the `use_cache` of the
        model's configuration is for a forward pass. Without it the whole text is read for each token.
        """
        if self.generation_config._from_model_config:
            self.generation_config._from_model_config = False
            self.generation_config.use_cache = True

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
            self._check_chunks(generation_config.prefill_chunk_size, model_kwargs)
        rows = batch_size * (copies := max(generation_config.num_beams, generation_config.num_return_sequences))
        given = model_kwargs.pop(STATE_NAME, None)
        if given is not None:
            model_kwargs[STATE_NAME] = starting_state(given, batch_size, copies, generation_config.use_cache)
        elif generation_config.use_cache and (first := self._first_state(rows)) is not None:
            model_kwargs[STATE_NAME] = first

    def _check_chunks(self, chunk_size: int, model_kwargs: dict[str, Any]) -> None:
        """Raises:
        ValueError: what is read first can't be read in parts.
        """

    def _first_state(self, rows: int) -> RecurrentCache | None:
        """The state that a text begins with; None: the first forward pass makes it."""
        return None


class RecurrentGenerationMixin(StateGenerationMixin):
    """Tells transformers' `generate` what it has to know of a recurrent model: it starts from a [`RecurrentCache`],
    and reads what it is given, padding nowhere and everything else once.

    `cache` continues a text, or starts one from a state that was made of anything. As in transformers, the inputs are
    the whole text, of which the first `cache.get_seq_length()` steps are not read again; or they are the new tokens
    only, with an `attention_mask` of the whole text. `RecurrentCache(cache.states)` is the same state that has counted
    nothing, after which all that is given is new. The state that is given is never changed, and serves several beams
    or returned sequences of each text. One that is returned has not read the last token. A text that has ended before
    the others of its batch reads padding tokens from there on, as in transformers.

    Raises:
        ValueError: for another kind of cache (`cache_implementation`, keys and values), assisted generation (the state
            cannot forget), no token to read (an empty prompt, without a `bos_token_id`), or tokens and a mask that do
            not go with what the state has read.
    """

    model: RecurrentModel
    lm_head: nn.Linear

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate as transformers does; where a reader of tokens is provided, each is read in one call."""
        with tokens_read_by(self):
            return super().generate(*args, **kwargs)

    def _maybe_initialize_input_ids_for_generation(
        self, inputs: torch.Tensor | None, bos_token_id: Any, model_kwargs: dict[str, Any]
    ) -> Any:
        # The pipeline gives no inputs for the text "", either.
        if inputs is None and model_kwargs.get("inputs_embeds") is None and bos_token_id is None:
            raise ValueError(
                "There is no prompt, and `bos_token_id` is None; generation needs a token to read: give a text that "
                "has one, or the `bos_token_id` that an empty text begins with."
            )
        stock: Any = super()
        return stock._maybe_initialize_input_ids_for_generation(inputs, bos_token_id, model_kwargs)

    def _check_chunks(self, chunk_size: int, model_kwargs: dict[str, Any]) -> None:
        if model_kwargs.get("inputs_embeds") is not None:
            raise ValueError(f"`prefill_chunk_size` is {chunk_size}; with `inputs_embeds` it must be None.")

    def _first_state(self, rows: int) -> RecurrentCache:
        return self.model.initial_state(rows)

    def _prefill(
        self,
        input_ids: torch.Tensor,
        generation_config: GenerationConfig,
        model_kwargs: dict[str, Any],
        is_first_iteration: bool = True,
    ) -> Any:
        mask, cache = model_kwargs.get("attention_mask"), model_kwargs.get(STATE_NAME)
        past = 0 if cache is None else cache.get_seq_length()
        if (features := model_kwargs.get("inputs_embeds")) is not None:
            _check_prompt("inputs_embeds", features.shape[1], features.shape[1], past)
        else:
            # transformers drops a mask of ones, and remembers how long it was.
            masked: Any = generation_config._mask_length if mask is None else mask.shape[1]
            _check_prompt("input_ids", input_ids.shape[1], masked, past)
        stock: Any = super()
        return stock._prefill(input_ids, generation_config, model_kwargs, is_first_iteration)

    # transformers looks for `inputs_embeds` among the names, to know whether they are read.
    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: torch.Tensor, inputs_embeds: torch.Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Choose the inputs of a step as transformers does, with a mask of the steps to be read.

        Without that mask, pad tokens among them would count as padding.
        """
        if kwargs.get("next_sequence_length") == 1 and not kwargs.get("is_first_iteration"):
            return self._inputs_of_one_token(input_ids, **kwargs)
        stock: Any = super()
        inputs: dict[str, Any] = stock.prepare_inputs_for_generation(input_ids, inputs_embeds=inputs_embeds, **kwargs)
        read = inputs["input_ids"] if inputs.get("input_ids") is not None else inputs["inputs_embeds"]
        mask = inputs.get("attention_mask")
        if mask is None:
            inputs["attention_mask"] = torch.ones(read.shape[:2], dtype=torch.long, device=read.device)
        else:
            inputs["attention_mask"] = mask[:, -read.shape[1] :]
        return inputs

    def _inputs_of_one_token(
        self,
        input_ids: torch.Tensor,
        next_sequence_length: int,
        is_first_iteration: bool = False,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        # Each token after the first, which was written here and is no padding. What transformers does to come to the
        # same takes as long as a layer.
        last = input_ids[:, -1:].to(self.lm_head.weight.device)
        return {**kwargs, "input_ids": last, "attention_mask": torch.ones_like(last)}


def starting_state(given: Any, batch_size: int, copies: int, use_cache: bool) -> RecurrentCache:
    """The state that was given to `generate`, repeated for `copies` rows of each text, where it is not for so many
    already.

    Raises:
        ValueError: it is no state of a recurrent model, or one that has read steps where none is carried on.
    """
    if not isinstance(given, RecurrentCache):
        raise ValueError(f"`cache` is a {type(given).__name__}; it must be a RecurrentCache.")
    past = given.get_seq_length()
    if not use_cache and past > 0:
        raise ValueError(f"`use_cache` is False; it must be True with `cache` that has read {past} steps.")
    if len(given.states[0][0]) != batch_size:
        return given
    state = RecurrentCache(given.states, past, batch_first=True)
    state.batch_repeat_interleave(copies)
    return state


def _check_prompt(name: str, length: int, masked: int, past: int) -> None:
    # transformers cuts what has been read already off the front, without asking whether anything remains.
    if length == 0:
        raise ValueError(f"`{name}` has no step; generation needs one to read, such as a token that begins a text.")
    if masked not in (length, past + length):
        raise ValueError(
            f"`attention_mask` is for {masked} steps; it must be for {length}, those of `{name}`"
            + (f", or {past + length} with those that `cache` has read." if past else ".")
        )
    if masked == length <= past:
        raise ValueError(
            f"`{name}` has {length} steps and `cache` has read {past}; it must be the whole text, or new "
            f"tokens with an `attention_mask` of {past + length} steps."
        )
