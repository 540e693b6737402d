"""`generate()` of transformers, as it is, for an encoder-decoder whose decoder carries a state of constant size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import torch
from torch import nn
from transformers import GenerationConfig

from .encoder_decoder import RecurrentEncoderDecoder
from .generation_rnn import StateGenerationMixin
from .state_name import STATE_NAME


__all__ = ["EncoderDecoderGenerationMixin"]


# What a forward pass of a step may be given for it to be no more than the decoder's.
PLAIN = {
    "attention_mask",
    "encoder_outputs",
    "inputs_embeds",
    "output_attentions",
    "output_hidden_states",
    "use_cache",
}


class EncoderDecoderGenerationMixin(StateGenerationMixin):
    """Tells transformers' `generate` what it has to know: the encoder reads the source once, and the decoder starts
    from what the bridge makes of it, or from a `cache` that is given. That goes on with `decoder_input_ids`, the whole
    target, of which the first `cache.get_seq_length()` steps are not read again.

    Raises:
        ValueError: for another kind of cache (`cache_implementation`, keys and values), assisted generation (the state
            cannot forget), or a target of which the state has read everything.
    """

    model: RecurrentEncoderDecoder
    lm_head: nn.Linear
    dropout: nn.Module
    training: bool
    # The forward pass whose steps are known here.
    written_with: ClassVar[Callable[..., Any]]

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate as transformers does; what is given is never changed."""
        given = kwargs.get("encoder_outputs")
        if isinstance(given, Mapping):
            # transformers repeats each row in place, for beams and returned sequences.
            kwargs["encoder_outputs"] = copy.copy(given)
        return super().generate(*args, **kwargs)

    def prepare_inputs_for_generation(  # type: ignore[override]
        self, input_ids: torch.Tensor, **kwargs: Any
    ) -> dict[str, Any]:
        """Choose the inputs of a step as transformers does, and the last token at once where it is the only one."""
        if kwargs.get("next_sequence_length") == 1 and not kwargs.get("is_first_iteration"):
            left_out = ("next_sequence_length", "is_first_iteration", "inputs_embeds", "labels")
            given = {name: value for name, value in kwargs.items() if name not in left_out}
            return {**given, "decoder_input_ids": input_ids[:, -1:].to(self.lm_head.weight.device)}
        stock: Any = super()
        inputs: dict[str, Any] = stock.prepare_inputs_for_generation(input_ids, **kwargs)
        return inputs

    def _sample(
        self,
        input_ids: torch.Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        generation_config: GenerationConfig,
        synced_gpus: bool = False,
        streamer: Any = None,
        **model_kwargs: Any,
    ) -> Any:
        options: Any = generation_config
        more = options.do_sample or options.return_dict_in_generate or streamer is not None or synced_gpus
        if not more and options.use_cache and self._is_plain(input_ids, model_kwargs):
            return self._write(input_ids, logits_processor, stopping_criteria, options._pad_token_tensor, model_kwargs)
        stock: Any = super()
        return stock._sample(
            input_ids, logits_processor, stopping_criteria, options, synced_gpus, streamer, **model_kwargs
        )

    def _is_plain(self, first: torch.Tensor, model_kwargs: dict[str, Any]) -> bool:
        """Whether all that a forward pass of a step does is known to [`_write`]: on a CPU, from the start of a target,
        with nobody who changes or watches the pass.
        """
        given = {name for name, value in model_kwargs.items() if value is not None}
        modules: tuple[Any, ...] = (self, self.model, self.model.decoder)
        this_class: Any = type(self)
        watched = any(
            "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks for module in modules
        )
        return (
            first.shape[1] == 1
            and given <= PLAIN
            and {first.device.type, self.lm_head.weight.device.type} == {"cpu"}
            and this_class.forward is this_class.written_with
            and not (watched or self.training)
        )

    def _write(
        self,
        written: torch.Tensor,
        logits_processor: Any,
        stopping_criteria: Any,
        pad: torch.Tensor | None,
        model_kwargs: dict[str, Any],
    ) -> torch.Tensor:
        """The loop of transformers for the likeliest token each time, where nothing but the tokens is asked for.

        A step is the decoder's alone. With small models the rest of a forward pass, and what transformers does to come
        to its inputs, take longer than the network.

        Args:
            written: (batch, 1), the start tokens.
            logits_processor: Changes the scores (batch, tokens) of the next token.
            stopping_criteria: Says which texts (batch) are over.
            pad: Stands behind the end of a text.
            model_kwargs: What a forward pass would be given.

        Returns:
            (batch, tokens), the start token included.
        """
        found = self.model.read(None, None, None, model_kwargs["encoder_outputs"], False)
        source = self.model.source(found, model_kwargs.get("attention_mask"), len(written))
        states, dtype = self.model.start(found, None)[0], self.model.dtype
        may_end = any(hasattr(each, "eos_token_id") for each in stopping_criteria)
        going_on = torch.ones(len(written), dtype=torch.bool)
        while True:
            decoded = self.model.decoder.step(written[:, -1:], source, states, dtype)
            states, scores = decoded.states, self.lm_head(self.dropout(decoded.attended))[:, -1].float()
            tokens = logits_processor(written, scores).argmax(1)
            if may_end:
                tokens = torch.where(going_on, tokens, cast(torch.Tensor, pad))
            written = torch.cat([written, tokens.unsqueeze(1)], 1)
            going_on &= ~stopping_criteria(written, None)
            if not going_on.any():
                return written

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
