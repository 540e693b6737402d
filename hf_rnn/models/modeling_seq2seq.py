"""Recurrent encoder-decoders: a source is read, a target is written (Sutskever et al. 2014, Cho et al. 2014), with
attention (Bahdanau et al. 2015, Luong et al. 2015).

    source → encoder → states, bridge → decoder, attention to the states → scores of the next token
"""

# No `from __future__ import annotations` here: transformers reads `config: LstmEncoderDecoderConfig` as a type.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput
from transformers.utils import can_return_tuple

from .attention import key_layer
from .backbone import RecurrentModel, RecurrentPreTrainedModel
from .bridge import Bridge, flat_state, state_shapes, unflat_state
from .cache_rnn import RecurrentCache
from .configuration_seq2seq import (
    GruEncoderDecoderConfig,
    LstmEncoderDecoderConfig,
    RecurrentEncoderDecoderConfig,
)
from .decoder import Decoded, RecurrentDecoder, Source
from .generation_seq2seq import EncoderDecoderGenerationMixin
from .heads import classifier_dropout
from .losses import mean_over_tokens, target_tokens
from .recurrent import LockedDropout, held_masks
from .state_name import StateOutputMixin, named_state, take_state
from .steps import State
from .token_scores import score_tokens
from .tracing import shape_of


__all__ = [
    "GruEncoderDecoder",
    "GruForSeq2SeqLM",
    "LstmEncoderDecoder",
    "LstmForSeq2SeqLM",
    "RecurrentEncoderDecoder",
    "RecurrentEncoderDecoderOutput",
    "RecurrentForSeq2SeqLM",
    "RecurrentSeq2SeqLMOutput",
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
        keys: (batch, source, compared), what the attention compares.
        initial_state: (batch, units), the state that the decoder starts from, its parts beside each other.
        pooler_output: (batch, features), the encoder's pooled state.
    """

    keys: torch.Tensor | None = None
    initial_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None


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


@dataclass
class RecurrentSeq2SeqLMOutput(StateOutputMixin, Seq2SeqLMOutput):
    """The outputs of an encoder-decoder that writes.

    Attributes:
        loss: The mean over the target's tokens, in nats, if there are labels.
        logits: (batch, target, vocab_size), the scores of the token after each step.

    The others are those of [`RecurrentEncoderDecoderOutput`].
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
        found = self.network(
            input_ids, attention_mask, inputs_embeds, use_cache=True, output_hidden_states=output_hidden_states
        )
        return RecurrentSourceOutput(
            last_hidden_state=found.last_hidden_state,
            hidden_states=found.hidden_states,
            keys=self.key_layer(found.last_hidden_state),
            initial_state=flat_state(self.bridge(found.cache.states)),
            pooler_output=found.pooler_output,
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
        found = self._read(input_ids, attention_mask, inputs_embeds, encoder_outputs, wants_states)
        inputs, mask = _targets(decoder_input_ids, decoder_attention_mask, decoder_inputs_embeds, start)
        source = self._source(found, input_ids, attention_mask, len(inputs))
        states, before = self._start(found, start)
        decoded: Decoded = self.decoder(inputs, mask, source, states, self.dtype)
        wants_weights = self.config.output_attentions if output_attentions is None else output_attentions
        return_state = self.config.use_cache if use_cache is None else use_cache
        reached = RecurrentCache(decoded.states, before + mask.shape[1]) if return_state else None
        return RecurrentEncoderDecoderOutput(
            last_hidden_state=decoded.attended,
            decoder_hidden_states=tuple(decoded.hidden_states) if wants_states else None,
            cross_attentions=_weights(decoded, bool(wants_weights)),
            encoder_last_hidden_state=found.last_hidden_state,
            encoder_hidden_states=found.hidden_states,
            **named_state(reached),
        )

    def _read(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        encoder_outputs: Any,
        wants_states: bool,
    ) -> RecurrentSourceOutput:
        if encoder_outputs is None:
            read: RecurrentSourceOutput = self.encoder(
                input_ids, attention_mask, inputs_embeds, output_hidden_states=wants_states
            )
            return read
        if isinstance(encoder_outputs, Mapping):
            names = ("last_hidden_state", "hidden_states", "keys", "initial_state", "pooler_output")
            return RecurrentSourceOutput(**{name: encoder_outputs.get(name) for name in names})
        raise ValueError(
            f"`encoder_outputs` is a {type(encoder_outputs).__name__}; it must be what `model.get_encoder()` returned."
        )

    def _source(
        self,
        found: RecurrentSourceOutput,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        rows: int,
    ) -> Source:
        memory = found.last_hidden_state
        if memory is None or memory.dim() != 3 or memory.shape[0] != rows:
            shape = None if memory is None else tuple(memory.shape)
            raise ValueError(
                f"`encoder_outputs.last_hidden_state` has shape {shape}; it must be (batch, source, features), with a "
                f"source for each of the {rows} rows of the target."
            )
        mask = attention_mask
        if mask is None and input_ids is not None and self.config.reads.pad_token_id is not None:
            mask = input_ids != self.config.reads.pad_token_id
        if mask is not None and shape_of(mask) != shape_of(memory)[:2]:
            raise ValueError(
                f"`attention_mask` has shape {shape_of(mask)}; with this source it must be {shape_of(memory)[:2]}, "
                "(batch, source)."
            )
        keys = self.encoder.key_layer(memory) if found.keys is None else found.keys
        context = found.pooler_output if self.config.context_at_each_step else None
        if self.config.context_at_each_step and context is None:
            raise ValueError("`encoder_outputs` has no `pooler_output`, which `context_at_each_step` feeds.")
        return Source(memory, keys, None if mask is None else mask.bool(), context)

    def _start(self, found: RecurrentSourceOutput, start: Any) -> tuple[list[State], int]:
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


class RecurrentForSeq2SeqLM(RecurrentEncoderDecoderPreTrainedModel, EncoderDecoderGenerationMixin):
    """Scores for the next token of a target, given a source, and `generate`:

        scores_t = V P a_t + b

    a_t is the attended state (see `decoder.py`). V has a row for each token: with `config.tie_word_embeddings` the
    decoder's embedding table itself.
    """

    _auto_class = "AutoModelForSeq2SeqLM"

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__(config)
        self.model = RecurrentEncoderDecoder(config)
        self.dropout = LockedDropout(classifier_dropout(config.writes), config.writes.locked_dropout)
        self.lm_head = nn.Linear(config.attended_size, config.vocab_size)
        self._tied_weights_keys = self.tied_weights()
        self.post_init()

    def tied_weights(self) -> dict[str, str]:
        """With `config.tie_word_embeddings` the output layer's weight is the decoder's table."""
        return {"lm_head.weight": f"model.decoder.{EMBEDDINGS}"} if self.config.tie_word_embeddings else {}

    def prepare_decoder_input_ids_from_labels(self, labels: torch.Tensor) -> torch.Tensor:
        """What the decoder reads where `labels` (batch, target) are to be written: the start token and each label
        before the last, with `config.pad_token_id` in place of -100.

        Raises:
            ValueError: the configuration names no `decoder_start_token_id`, or there is -100 and no `pad_token_id`.
        """
        start, pad = self.config.decoder_start_token_id, self.config.pad_token_id
        if start is None:
            raise ValueError(
                "`labels` need a first token to read: set `config.decoder_start_token_id`, or give `decoder_input_ids`."
            )
        if pad is None and bool((labels == -100).any()):
            raise ValueError("`labels` hold -100, and `config.pad_token_id` is None; it must be a token.")
        shifted = labels.new_full(labels.shape, start)
        shifted[:, 1:] = labels[:, :-1]
        return shifted if pad is None else shifted.masked_fill(shifted == -100, pad)

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
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        skip_logits: bool = False,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentSeq2SeqLMOutput:
        """Args:
            labels: (batch, target), the tokens that are to be written, -100 where none is; the decoder reads them one
                step later, unless `decoder_input_ids` say what it reads.
            num_items_in_batch: Labels of the whole accumulated batch, by which the summed loss is divided.
            skip_logits: With labels, only the loss is wanted: it is computed without the scores of all tokens at all
                steps in memory.

        The other arguments are those of the backbone. Returns `loss` (if there are labels) and `logits` (batch,
        target, vocab_size); there are none with labels if `skip_logits`, or in training with
        `config.sampled_softmax`.

        Raises:
            ValueError: for labels that do not fit, or inputs as in the backbone.
        """
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        start = take_state(kwargs, cache, past_key_values)
        source = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "inputs_embeds": inputs_embeds,
            "encoder_outputs": encoder_outputs,
        }
        asked = {
            "use_cache": use_cache,
            "output_attentions": output_attentions,
            "output_hidden_states": output_hidden_states,
        }
        if self.training and self.config.scheduled_sampling > 0 and decoder_input_ids is not None:
            decoder_input_ids = self._sampled_targets(decoder_input_ids, decoder_attention_mask, source, start)
        outputs = self.model(
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            decoder_inputs_embeds=decoder_inputs_embeds,
            cache=start,
            **source,
            **asked,
            **kwargs,
        )
        features = self.dropout(outputs.last_hidden_state)
        targets = target_tokens(shape_of(features)[:2], self.lm_head.out_features, labels)
        logits, loss = self._score(features, targets, skip_logits)
        if targets is not None and loss is not None:
            loss = mean_over_tokens(loss, targets, num_items_in_batch)
        return RecurrentSeq2SeqLMOutput(
            loss=loss,
            logits=logits,
            decoder_hidden_states=outputs.decoder_hidden_states,
            cross_attentions=outputs.cross_attentions,
            encoder_last_hidden_state=outputs.encoder_last_hidden_state,
            encoder_hidden_states=outputs.encoder_hidden_states,
            **named_state(outputs.cache),
        )

    @torch.no_grad()
    def _sampled_targets(
        self, ids: torch.Tensor, mask: torch.Tensor | None, source: Mapping[str, Any], start: Any
    ) -> torch.Tensor:
        """Put what the model itself would have written in place of some tokens of `ids` (batch, target): scheduled
        sampling (Bengio et al. 2015, 2.4). The first token of a target stays, and so does padding.
        """
        given = dict(source)
        if given["encoder_outputs"] is None:
            inputs = given.pop("input_ids"), given["attention_mask"], given.pop("inputs_embeds")
            if (
                given["attention_mask"] is None
                and inputs[0] is not None
                and self.config.reads.pad_token_id is not None
            ):
                given["attention_mask"] = inputs[0] != self.config.reads.pad_token_id
            given["encoder_outputs"] = self.model.encoder(*inputs)
        drawn = torch.rand(ids.shape, device=ids.device) < self.config.scheduled_sampling
        if mask is not None:
            drawn &= mask.bool()
        read = ids.clone()
        with held_masks(self.model.decoder):
            for turn in range(ids.shape[1] - 1):
                outputs = self.model(decoder_input_ids=read[:, turn : turn + 1], cache=start, use_cache=True, **given)
                start = outputs.cache
                written = self.lm_head(outputs.last_hidden_state[:, 0]).argmax(1)
                read[:, turn + 1] = torch.where(drawn[:, turn + 1], written, read[:, turn + 1])
        return read

    def _score(
        self, features: torch.Tensor, targets: torch.Tensor | None, skip_logits: bool
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        sampled = self.config.sampled_softmax if self.training else None
        return score_tokens(features, targets, self.lm_head, sampled, skip_logits)


class LstmEncoderDecoder(RecurrentEncoderDecoder):
    config: LstmEncoderDecoderConfig
    config_class = LstmEncoderDecoderConfig


class LstmForSeq2SeqLM(RecurrentForSeq2SeqLM):
    config: LstmEncoderDecoderConfig
    config_class = LstmEncoderDecoderConfig


class GruEncoderDecoder(RecurrentEncoderDecoder):
    config: GruEncoderDecoderConfig
    config_class = GruEncoderDecoderConfig


class GruForSeq2SeqLM(RecurrentForSeq2SeqLM):
    config: GruEncoderDecoderConfig
    config_class = GruEncoderDecoderConfig
