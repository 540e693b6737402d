"""Recurrent encoder-decoders: a source is read, a target is written (Sutskever et al. 2014, Cho et al. 2014), with
attention (Bahdanau et al. 2015, Luong et al. 2015).
"""

# No `from __future__ import annotations` here: transformers reads `config: LstmEncoderDecoderConfig` as a type.

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.utils import can_return_tuple

from .cache_rnn import RecurrentCache
from .configuration_seq2seq import (
    GruEncoderDecoderConfig,
    LstmEncoderDecoderConfig,
    RecurrentEncoderDecoderConfig,
)
from .encoder_decoder import EMBEDDINGS, RecurrentEncoderDecoder, RecurrentEncoderDecoderPreTrainedModel
from .generation_seq2seq import EncoderDecoderGenerationMixin
from .heads import classifier_dropout
from .looks import may_look, require
from .losses import mean_over_tokens, target_tokens
from .recurrent import LockedDropout, held_masks
from .state_name import StateOutputMixin, named_state, take_state
from .token_scores import score_tokens
from .tracing import shape_of


if TYPE_CHECKING:
    # transformers copies what a model's file imports: by this line the pipeline goes with the model.
    from .pipeline_text2text import Text2TextGenerationPipeline  # noqa: F401


__all__ = [
    "GruEncoderDecoder",
    "GruForSeq2SeqLM",
    "LstmEncoderDecoder",
    "LstmForSeq2SeqLM",
    "RecurrentForSeq2SeqLM",
    "RecurrentSeq2SeqLMOutput",
]


@dataclass
class RecurrentSeq2SeqLMOutput(StateOutputMixin, Seq2SeqLMOutput):
    """The outputs of an encoder-decoder that writes.

    Attributes:
        loss: The mean over the target's tokens, in nats, if there are labels.
        logits: (batch, target, vocab_size), the scores of the token after each step.

    The others are those of [`RecurrentEncoderDecoderOutput`].
    """


class RecurrentForSeq2SeqLM(RecurrentEncoderDecoderPreTrainedModel, EncoderDecoderGenerationMixin):
    """Scores for the next token of a target, given a source, and `generate`:

        scores_t = V P a_t + b

    a_t is the attended state (see `decoder.py`). V has a row for each token: with `config.tie_word_embeddings` the
    decoder's embedding table itself.
    """

    _auto_class = "AutoModelForSeq2SeqLM"

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__(config)
        config.custom_pipelines = config.pipelines_type(config.pipelines())
        self.model = RecurrentEncoderDecoder(config)
        self.dropout = LockedDropout(classifier_dropout(config.writes), config.writes.locked_dropout)
        self.lm_head = nn.Linear(config.attended_size, config.vocab_size)
        self._tied_weights_keys = self.tied_weights()
        self.keep_state()
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
                "`labels` need a first token to read: set `config.decoder_start_token_id`, or give "
                "`decoder_input_ids`."
            )
        if pad is None:
            require(labels != -100, "`labels` hold -100, and `config.pad_token_id` is None; it must be a token.")
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
        smoothing: float = 0.0,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentSeq2SeqLMOutput:
        """Args:
            labels: (batch, target), the tokens that are to be written, -100 where none is; the decoder reads them one
                step later, unless `decoder_input_ids` say what it reads. A padding token in them is a token like any
                other, which the model learns to write; in training a warning says so.
            num_items_in_batch: Labels of the whole accumulated batch, by which the summed loss is divided.
            skip_logits: With labels, only the loss is wanted: it is computed without the scores of all tokens at all
                steps in memory.
            smoothing: The share of each label that is spread evenly over all tokens (Szegedy et al. 2016,
                https://arxiv.org/abs/1512.00567, section 7); not in training with `config.sampled_softmax`.

        The other arguments are those of the backbone. Returns `loss` (if there are labels) and `logits` (batch,
        target, vocab_size); there are none with labels if `skip_logits`, or in training with
        `config.sampled_softmax`.

        Raises:
            ValueError: for labels that do not fit, or inputs as in the backbone.
        """
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            # Read first, labels out of range would be called inputs.
            target_tokens(shape_of(labels), self.lm_head.out_features, labels)
            if self.training:
                self._warn_of_padding(labels)
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
        logits, loss = self._score(features, targets, skip_logits, smoothing)
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

    written_with = forward

    def _warn_of_padding(self, labels: torch.Tensor) -> None:
        pad = self.config.pad_token_id
        if not may_look(labels):
            return
        if pad not in (None, getattr(self.config, "eos_token_id", None)) and bool((labels[:, -1] == pad).any()):
            warnings.warn(
                f"`labels` end with `config.pad_token_id` ({pad}), and the model learns to write it; put -100 where "
                "there is no token.",
                stacklevel=3,
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
            given["encoder_outputs"] = self.model.encoder(*inputs)
        drawn = torch.rand(ids.shape, device=ids.device) < self.config.scheduled_sampling
        mask = torch.ones_like(ids) if mask is None else mask[:, -ids.shape[1] :]
        drawn &= mask.bool() & (mask.cumsum(1) > 1)
        read = ids.clone()
        with held_masks(self.model.decoder):
            for turn in range(ids.shape[1] - 1):
                now = slice(turn, turn + 1)
                step = {"decoder_input_ids": read[:, now], "decoder_attention_mask": mask[:, now]}
                outputs = self.model(**step, cache=start, use_cache=True, **given)
                start = outputs.cache
                written = self.lm_head(outputs.last_hidden_state[:, 0]).argmax(1)
                read[:, turn + 1] = torch.where(drawn[:, turn + 1], written, read[:, turn + 1])
        return read

    def _score(
        self, features: torch.Tensor, targets: torch.Tensor | None, skip_logits: bool, smoothing: float
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        sampled = self.config.sampled_softmax if self.training else None
        return score_tokens(features, targets, self.lm_head, sampled, skip_logits, smoothing)


class LstmEncoderDecoder(RecurrentEncoderDecoder):
    config: LstmEncoderDecoderConfig


class LstmForSeq2SeqLM(RecurrentForSeq2SeqLM):
    config: LstmEncoderDecoderConfig


class GruEncoderDecoder(RecurrentEncoderDecoder):
    config: GruEncoderDecoderConfig


class GruForSeq2SeqLM(RecurrentForSeq2SeqLM):
    config: GruEncoderDecoderConfig
