"""The backbone of an encoder-decoder: a source is read, and a target that is known is followed step by step.

source → encoder → states, bridge → decoder, attention to the states → attended states
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqModelOutput
from transformers.utils import can_return_tuple

from .attention import key_layer
from .backbone import RecurrentModel, RecurrentPreTrainedModel
from .bridge import Bridge, flat_state, state_shapes, unflat_state
from .cache_rnn import RecurrentCache
from .configuration_seq2seq import RecurrentEncoderDecoderConfig
from .decoder import Decoded, RecurrentDecoder, Source
from .state_name import StateOutputMixin, named_state, take_state
from .steps import State
from .tracing import shape_of


__all__ = [
    "EMBEDDINGS",
    "RecurrentEncoderDecoder",
    "RecurrentEncoderDecoderOutput",
    "RecurrentEncoderDecoderPreTrainedModel",
    "RecurrentSourceOutput",
    "SourceEncoder",
]


EMBEDDINGS = "embeddings.word_embeddings.weight"


@dataclass
class RecurrentSourceOutput(BaseModelOutput):
    """What is known of a source before a word of the target is read.

    Attributes:
        last_hidden_state: (batch, source, features), the encoder's states.
        hidden_states: Its embeddings and each layer's output, if they were asked for.
        attentions: None: there are none.
        source_keys: (batch, source, compared), what the attention compares.
        initial_state: (batch, units), the state that the decoder starts from, its parts beside each other.
        pooler_output: (batch, features), the encoder's pooled state.
        mask: (batch, source), True at a token.
    """

    source_keys: torch.Tensor | None = None
    initial_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    mask: torch.Tensor | None = None


@dataclass
class RecurrentEncoderDecoderOutput(StateOutputMixin, Seq2SeqModelOutput):
    """What the backbone returns.

    Attributes:
        last_hidden_state: (batch, target, features), the attended states, from which tokens are scored.
        cache: The decoder's state, if it was asked for; transformers up to 5.23 calls it `past_key_values`.
        cross_attentions: With `output_attentions`, a tuple of one: the weights (batch, 1, target, source).
        decoder_hidden_states, encoder_hidden_states: The embeddings and each layer's output, if they were asked for.
        encoder_last_hidden_state: (batch, source, features).
        decoder_attentions, encoder_attentions: None: there are none.
    """


class SourceEncoder(nn.Module):
    """Reads a source, and makes of it all that the decoder needs."""

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__()
        self.network = RecurrentModel(config.reads)
        self.bridge = Bridge(config)
        self.key_layer = key_layer(config)

    @property
    def main_input_name(self) -> str:
        return "input_ids"

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> RecurrentSourceOutput:
        """Args:
        input_ids: (batch, source), or
        inputs_embeds: (batch, source, features).
        attention_mask: (batch, source), 1 at a token, 0 at padding; see `RecurrentModel`.
        output_hidden_states: Whether the encoder's `hidden_states` are wanted.
        output_attentions, return_dict: Change nothing: there are no attentions, and an output is returned.
        """
        _, mask = self.network.inputs_and_mask(input_ids, attention_mask, inputs_embeds)
        found = self.network(input_ids, mask, inputs_embeds, use_cache=True, output_hidden_states=output_hidden_states)
        finals = [(found.pooler_output.unsqueeze(1),)] if found.cache is None else found.cache.states
        return RecurrentSourceOutput(
            last_hidden_state=found.last_hidden_state,
            hidden_states=found.hidden_states,
            source_keys=self.key_layer(found.last_hidden_state),
            initial_state=flat_state(self.bridge(finals)),
            pooler_output=found.pooler_output,
            mask=mask,
        )


class RecurrentEncoderDecoderPreTrainedModel(RecurrentPreTrainedModel):
    """What transformers wants to know of an encoder-decoder."""

    config_class = RecurrentEncoderDecoderConfig
    _can_record_outputs = {}

    def get_encoder(self, modality: str | None = None) -> Any:
        """The module that reads the source: what `generate` calls once."""
        backbone: Any = getattr(self, self.base_model_prefix, self)
        return backbone.encoder

    def get_decoder(self) -> Any:
        """The module that reads the target."""
        backbone: Any = getattr(self, self.base_model_prefix, self)
        return backbone.decoder

    def get_input_embeddings(self) -> Any:
        """The decoder's embedding table, which output layer and vocabulary go with; None for one-hot inputs."""
        return self.get_decoder().embeddings.word_embeddings

    def get_expanded_tied_weights_keys(self, all_submodels: bool = False) -> dict[str, str]:
        """Name what is one tensor: weights → those that they are the same as. transformers' own way has one switch for
        all of them.
        """
        if all_submodels:
            every: dict[str, str] = super().get_expanded_tied_weights_keys(all_submodels=True)
            return every
        return self.tied_weights()

    def tied_weights(self) -> dict[str, str]:
        """What `get_expanded_tied_weights_keys` says of this model without its parts."""
        return {}

    def set_input_embeddings(self, value: Any) -> None:
        # transformers tells the decoder's configuration alone of a new number of tokens.
        self.config.vocab_size = value.num_embeddings
        for embeddings in (self.get_decoder().embeddings, *self._sharing_embeddings()):
            embeddings.vocab_size = value.num_embeddings
            embeddings.word_embeddings = value

    def _sharing_embeddings(self) -> list[Any]:
        return [self.get_encoder().network.embeddings] if self.config.share_embeddings else []


class RecurrentEncoderDecoder(RecurrentEncoderDecoderPreTrainedModel):
    """Encoder, bridge, decoder and attention: the attended state of every step of a target."""

    _auto_class = "AutoModel"

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__(config)
        config.validate()
        self.shapes = state_shapes(config)
        self.encoder = SourceEncoder(config)
        self.decoder = RecurrentDecoder(config)
        # transformers takes what stands here for one tensor.
        self._tied_weights_keys = self.tied_weights()
        self.post_init()

    def tied_weights(self) -> dict[str, str]:
        """With `config.share_embeddings` the encoder's table is the decoder's."""
        return {f"encoder.network.{EMBEDDINGS}": f"decoder.{EMBEDDINGS}"} if self.config.share_embeddings else {}

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: RecurrentCache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        decoder_inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentEncoderDecoderOutput:
        """Args:
            input_ids: (batch, source), or
            inputs_embeds: (batch, source, features), or
            encoder_outputs: What `get_encoder()` has returned for them.
            attention_mask: (batch, source), 1 at a token of the source and 0 at padding, wherever it stands. By
                default every token that is not `config.encoder.pad_token_id` counts.
            decoder_input_ids: (batch, target), each token that is read to predict the one after it, or
            decoder_inputs_embeds: (batch, target, features).
            decoder_attention_mask: (batch, target); by default everything is read, pad tokens as well: the first one
                of a target often is one, and those behind its end change nothing before it.
            use_cache: Whether to return the state; by default `config.use_cache`.
            output_attentions: Whether to return the weights of the attention, as `cross_attentions`.
            output_hidden_states: Whether to return the states of all layers.
            cache: The decoder's state to go on from; by default what the bridge makes of the source.
            past_key_values: An older name of `cache`.

        Raises:
            ValueError: an input is missing or given twice, or shapes do not fit.
        """
        start = take_state(kwargs, cache, past_key_values)
        _refuse_others(kwargs)
        wants_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        found = self.read(input_ids, attention_mask, inputs_embeds, encoder_outputs, bool(wants_states))
        inputs, mask = _targets(decoder_input_ids, decoder_attention_mask, decoder_inputs_embeds, start)
        source = self.source(found, attention_mask, len(inputs))
        states, before = self.start(found, start)
        decoded: Decoded = self.decoder(inputs, mask, source, states, self.dtype)
        wants_weights = self.config.output_attentions if output_attentions is None else output_attentions
        return_state = self.config.use_cache if use_cache is None else use_cache
        reached = RecurrentCache(decoded.states, before + mask.shape[1], batch_first=True) if return_state else None
        return RecurrentEncoderDecoderOutput(
            last_hidden_state=decoded.attended,
            decoder_hidden_states=tuple(decoded.hidden_states) if wants_states else None,
            cross_attentions=_weights(decoded, bool(wants_weights)),
            encoder_last_hidden_state=found.last_hidden_state,
            encoder_hidden_states=found.hidden_states,
            **named_state(reached),
        )

    def read(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        encoder_outputs: Any,
        wants_states: bool,
    ) -> RecurrentSourceOutput:
        """What is known of the source: what the encoder makes of it, or has made before."""
        if encoder_outputs is None:
            read: RecurrentSourceOutput = self.encoder(
                input_ids, attention_mask, inputs_embeds, output_hidden_states=wants_states
            )
            return read
        if isinstance(encoder_outputs, RecurrentSourceOutput):
            return encoder_outputs
        if isinstance(encoder_outputs, Mapping):
            names = ("last_hidden_state", "hidden_states", "source_keys", "initial_state", "pooler_output", "mask")
            return RecurrentSourceOutput(**{name: encoder_outputs.get(name) for name in names})
        raise ValueError(
            f"`encoder_outputs` is a {type(encoder_outputs).__name__}; it must be what `model.get_encoder()` returned."
        )

    def source(
        self,
        found: RecurrentSourceOutput,
        attention_mask: torch.Tensor | None,
        rows: int,
    ) -> Source:
        """What the decoder is given at each step, for `rows` targets."""
        memory = found.last_hidden_state
        if memory is None or memory.dim() != 3 or memory.shape[0] != rows:
            shape = None if memory is None else tuple(memory.shape)
            raise ValueError(
                f"`encoder_outputs.last_hidden_state` has shape {shape}; it must be (batch, source, features), with a "
                f"source for each of the {rows} rows of the target."
            )
        mask = found.mask if attention_mask is None else attention_mask
        if mask is not None and shape_of(mask) != shape_of(memory)[:2]:
            raise ValueError(
                f"`attention_mask` has shape {shape_of(mask)}; with this source it must be {shape_of(memory)[:2]}, "
                "(batch, source)."
            )
        keys = self.encoder.key_layer(memory) if found.source_keys is None else found.source_keys
        context = found.pooler_output if self.config.context_at_each_step else None
        if self.config.context_at_each_step and context is None:
            raise ValueError("`encoder_outputs` has no `pooler_output`, which `context_at_each_step` feeds.")
        return Source(memory, keys, None if mask is None else mask.bool(), context)

    def start(self, found: RecurrentSourceOutput, start: Any) -> tuple[list[State], int]:
        """The state that the decoder goes on from, and the steps that it has read: of `start`, where one is given."""
        expected = len(self.shapes) + (self.config.input_feeding == "attended")
        if start is not None:
            if not isinstance(start, RecurrentCache):
                raise ValueError(f"`cache` is a {type(start).__name__}; it must be a RecurrentCache.")
            if len(start) != expected:
                raise ValueError(f"`cache` holds {len(start)} states; this decoder carries {expected}.")
            return list(start.states), start.get_seq_length()
        if found.initial_state is not None:
            return self.decoder.start(unflat_state(found.initial_state, self.shapes)), 0
        if self.config.bridge != "none":
            raise ValueError(
                f"`encoder_outputs` has no `initial_state`, which `bridge`={self.config.bridge!r} starts the decoder "
                "from; give what `model.get_encoder()` returned."
            )
        return self.decoder.start(self.encoder.bridge([(cast(torch.Tensor, found.last_hidden_state),)])), 0


def _weights(decoded: Decoded, wanted: bool) -> tuple[torch.Tensor, ...] | None:
    return (decoded.weights.unsqueeze(1),) if wanted and decoded.weights is not None else None


def _refuse_others(kwargs: Mapping[str, Any]) -> None:
    # What transformers and its tests hand to every model.
    known = {"return_dict", "num_items_in_batch", "cache_position", "position_ids", "decoder_position_ids"}
    unknown = [name for name in kwargs if name not in known]
    if unknown:
        raise TypeError(f"`{unknown[0]}` is not an argument of an encoder-decoder.")


def _targets(
    ids: torch.Tensor | None, mask: torch.Tensor | None, features: torch.Tensor | None, start: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    if (ids is None) == (features is None):
        given = "both are" if ids is not None else "neither is"
        raise ValueError(
            f"Exactly one of `decoder_input_ids` and `decoder_inputs_embeds` must be given; {given}. With `labels` a "
            "model that writes makes the first of them."
        )
    inputs = cast(torch.Tensor, features if ids is None else ids)
    if inputs.dim() not in (2, 3) or inputs.shape[1] == 0:
        name, wanted = ("decoder_input_ids", "") if features is None else ("decoder_inputs_embeds", ", features")
        raise ValueError(
            f"`{name}` has shape {tuple(inputs.shape)}; it must be (batch, target{wanted}) with at least one step, "
            "such as the token that a target begins with."
        )
    if mask is None:
        return inputs, torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
    if mask.dim() == 2 and start is not None:
        # transformers gives the mask of the whole target.
        mask = mask[:, -inputs.shape[1] :]
    if shape_of(mask) != shape_of(inputs)[:2]:
        raise ValueError(
            f"`decoder_attention_mask` has shape {shape_of(mask)}; it must be {shape_of(inputs)[:2]}, (batch, target)."
        )
    return inputs, mask.bool()
