"""Recurrent models as transformers models: one backbone, each head once, and families that only fix their
configuration.

    embeddings → recurrent layers → pooling → (Dan: dense layers) → head
"""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers.modeling_outputs import SequenceClassifierOutputWithPast
from transformers.utils import can_return_tuple

from .backbone import RecurrentModel, RecurrentModelOutput, RecurrentPreTrainedModel
from .cache_rnn import RecurrentCache
from .configuration_rnn import (
    BiLstmConfig,
    DanConfig,
    ElmanConfig,
    GruConfig,
    LstmConfig,
    MinGruConfig,
    MinLstmConfig,
    RecurrentConfig,
)
from .heads import ClassificationHead
from .losses import classification_loss
from .modeling_causal import RecurrentForCausalLM
from .modeling_series import RecurrentForTimeSeriesPrediction
from .state_name import StateOutputMixin, named_state, take_state
from .tagging import TaggingHead
from .tracing import shape_of
from .wide import WidePart
from .words import Words


__all__ = [
    "BiLstmForSequenceClassification",
    "BiLstmForTimeSeriesPrediction",
    "BiLstmForTokenClassification",
    "BiLstmModel",
    "DanForSequenceClassification",
    "DanForTokenClassification",
    "DanModel",
    "ElmanForCausalLM",
    "ElmanForSequenceClassification",
    "ElmanForTimeSeriesPrediction",
    "ElmanForTokenClassification",
    "ElmanModel",
    "GruForCausalLM",
    "GruForSequenceClassification",
    "GruForTimeSeriesPrediction",
    "GruForTokenClassification",
    "GruModel",
    "LstmForCausalLM",
    "LstmForSequenceClassification",
    "LstmForTimeSeriesPrediction",
    "LstmForTokenClassification",
    "LstmModel",
    "MinGruForCausalLM",
    "MinGruForSequenceClassification",
    "MinGruForTimeSeriesPrediction",
    "MinGruForTokenClassification",
    "MinGruModel",
    "MinLstmForCausalLM",
    "MinLstmForSequenceClassification",
    "MinLstmForTimeSeriesPrediction",
    "MinLstmForTokenClassification",
    "MinLstmModel",
    "RecurrentForCausalLM",
    "RecurrentForSequenceClassification",
    "RecurrentForTimeSeriesPrediction",
    "RecurrentForTokenClassification",
    "RecurrentModel",
    "RecurrentModelOutput",
    "RecurrentPreTrainedModel",
    "RecurrentSequenceClassifierOutput",
    "RecurrentTokenClassifierOutput",
]


@dataclass
class RecurrentSequenceClassifierOutput(StateOutputMixin, SequenceClassifierOutputWithPast):
    """The outputs of a classifier of sequences.

    Attributes:
        loss: The mean over the labels, if they were given.
        logits: (batch, labels).
        cache: The state, if it was asked for; transformers up to 5.23 calls it `past_key_values`.
        hidden_states: The embeddings and each layer's output, if they were asked for.
        attentions: None: there are none.
    """


class RecurrentForSequenceClassification(RecurrentPreTrainedModel):
    """A label, several labels or a number for a sequence: the backbone and [`ClassificationHead`].

    With `config.wide_buckets` there is a linear model over n-grams besides, `wide`, which plays no part in training
    mode; see `wide.WidePart`.
    """

    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = RecurrentModel(config)
        self.classifier = ClassificationHead(config, config.output_size)
        self.wide = None if config.wide_buckets is None else WidePart(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: RecurrentCache | None = None,
        use_cache: bool | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentSequenceClassifierOutput:
        """Args:
            labels: (batch) class numbers; (batch, labels) 0 or 1 for multi-label; (batch) or (batch, labels) numbers
                for regression. `config.problem_type` says which, or it is found from the labels as transformers does.
            num_items_in_batch: Labels in the whole accumulated batch, by which the summed loss is divided.

        The other arguments are those of the backbone. Returns `loss` (if `labels` are given) and `logits`
        (batch, labels).
        """
        cache = take_state(kwargs, cache, past_key_values)
        outputs = self.model(input_ids, attention_mask, inputs_embeds, cache=cache, use_cache=use_cache, **kwargs)
        logits = self.classifier(outputs.pooler_output)
        if self.wide is not None and not self.training:
            # In training the network learns by itself.
            logits = self.wide.combined(logits, self._wide_logits(input_ids, attention_mask, cache))
        loss = None
        if labels is not None:
            loss = classification_loss(logits, labels, self.config.problem_type, num_items_in_batch)
        return RecurrentSequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=outputs.hidden_states, **named_state(outputs.cache)
        )

    def _wide_logits(
        self, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, cache: RecurrentCache | None
    ) -> torch.Tensor:
        if input_ids is None or cache is not None:
            given = "`inputs_embeds` is given" if input_ids is None else "a `cache` is given"
            raise ValueError(
                f"{given} to a model with `wide_buckets`={self.config.wide_buckets}: n-grams are those of whole texts "
                "as `input_ids`. Give these, or set `model.wide` to None to leave the wide part out."
            )
        wide = cast(WidePart, self.wide)
        return cast(torch.Tensor, wide(*self.model.inputs_and_mask(input_ids, attention_mask, None)))


@dataclass
class RecurrentTokenClassifierOutput(RecurrentSequenceClassifierOutput):
    """The outputs of a token classifier.

    Attributes:
        loss: The mean over the labels, if they were given.
        logits: (batch, time, labels). With a CRF, in evaluation, each label's max-marginal: 0 on the best path (as the
            Viterbi algorithm finds it), negative elsewhere. In training what the emissions alone say.
        emissions: (batch, words, states), what the CRF reads: with `label_scheme="BIOES"` its own states, see
            `tagging.bioes_states`; zero at the padding. Words come first in their row, wherever the padding was.
        cache: The state, if it was asked for; transformers up to 5.23 calls it `past_key_values`.
        hidden_states: The embeddings and each layer's output, if they were asked for.
        attentions: None: there are none.
    """

    emissions: torch.Tensor | None = None


class RecurrentForTokenClassification(RecurrentPreTrainedModel):
    """A label for each token or word: the backbone and [`TaggingHead`], a linear layer and, where one is wanted, a
    conditional random field (Huang et al. 2015, https://arxiv.org/abs/1508.01991; Lample et al. 2016,
    https://aclanthology.org/N16-1030).
    """

    _auto_class = "AutoModelForTokenClassification"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = RecurrentModel(config)
        self.head = TaggingHead(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: RecurrentCache | None = None,
        use_cache: bool | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentTokenClassifierOutput:
        """Args:
            labels: (batch, time) label numbers, -100 where there is none. With `config.problem_type="regression"`
                numbers (batch, time, num_labels), or (batch, time) for one, NaN where there is no target; with
                `"multi_label_classification"` 0 or 1 (batch, time, num_labels), NaN or -100 where there is no target.
                In a model of words those of a word's first piece count, and nothing where `attention_mask` is 0.
            num_items_in_batch: Labels in the whole accumulated batch, by which the summed loss is divided; of numbers
                and of several labels the targets, `num_labels` for each step that has all of them.

        The other arguments are those of the backbone.

        Raises:
            ValueError: for labels of another shape, or values that no label has.
        """
        inputs, mask = self.model.inputs_and_mask(input_ids, attention_mask, inputs_embeds)
        words = self.model.embeddings.find_words(inputs, mask)
        cache = take_state(kwargs, cache, past_key_values)
        outputs = self.model(
            input_ids,
            attention_mask,
            inputs_embeds,
            cache=cache,
            use_cache=use_cache,
            words=words,
            **kwargs,
        )
        features = outputs.last_hidden_state
        if words is None:
            words = Words.each_a_piece(mask)
            features = words.from_pieces(features)
        emissions = self.head(features, words.mask)
        of_first, of_others = self.head.scores(emissions, words.mask)
        logits = torch.where(words.begins.unsqueeze(2), words.to_pieces(of_first), words.to_pieces(of_others))
        loss = None
        if labels is not None:
            self._check_shape(labels, shape_of(mask))
            loss = self.head.loss(emissions, words.from_pieces(labels), words.mask, num_items_in_batch)
        return RecurrentTokenClassifierOutput(
            loss=loss,
            logits=logits.masked_fill(~mask.unsqueeze(2), 0),
            emissions=emissions,
            hidden_states=outputs.hidden_states,
            **named_state(outputs.cache),
        )

    def _check_shape(self, labels: torch.Tensor, steps: tuple[int, ...]) -> None:
        given = shape_of(labels)
        if self.head.of_steps is None and given[:2] == steps and len(given) == 3:
            raise ValueError(
                f"`labels` has shape {given}; it must be {steps}, or `config.problem_type` 'regression' or "
                "'multi_label_classification'."
            )
        if given[:2] != steps or len(given) > 3:
            raise ValueError(f"`labels` has shape {given}; it must be {steps}.")


class BiLstmModel(RecurrentModel):
    config: BiLstmConfig


class BiLstmForSequenceClassification(RecurrentForSequenceClassification):
    config: BiLstmConfig


class BiLstmForTokenClassification(RecurrentForTokenClassification):
    config: BiLstmConfig


class BiLstmForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: BiLstmConfig


class LstmModel(RecurrentModel):
    config: LstmConfig


class LstmForSequenceClassification(RecurrentForSequenceClassification):
    config: LstmConfig


class LstmForTokenClassification(RecurrentForTokenClassification):
    config: LstmConfig


class LstmForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: LstmConfig


class LstmForCausalLM(RecurrentForCausalLM):
    config: LstmConfig


class GruModel(RecurrentModel):
    config: GruConfig


class GruForSequenceClassification(RecurrentForSequenceClassification):
    config: GruConfig


class GruForTokenClassification(RecurrentForTokenClassification):
    config: GruConfig


class GruForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: GruConfig


class GruForCausalLM(RecurrentForCausalLM):
    config: GruConfig


class ElmanModel(RecurrentModel):
    config: ElmanConfig


class ElmanForSequenceClassification(RecurrentForSequenceClassification):
    config: ElmanConfig


class ElmanForTokenClassification(RecurrentForTokenClassification):
    config: ElmanConfig


class ElmanForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: ElmanConfig


class ElmanForCausalLM(RecurrentForCausalLM):
    config: ElmanConfig


class MinGruModel(RecurrentModel):
    config: MinGruConfig


class MinGruForSequenceClassification(RecurrentForSequenceClassification):
    config: MinGruConfig


class MinGruForTokenClassification(RecurrentForTokenClassification):
    config: MinGruConfig


class MinGruForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: MinGruConfig


class MinGruForCausalLM(RecurrentForCausalLM):
    config: MinGruConfig


class MinLstmModel(RecurrentModel):
    config: MinLstmConfig


class MinLstmForSequenceClassification(RecurrentForSequenceClassification):
    config: MinLstmConfig


class MinLstmForTokenClassification(RecurrentForTokenClassification):
    config: MinLstmConfig


class MinLstmForTimeSeriesPrediction(RecurrentForTimeSeriesPrediction):
    config: MinLstmConfig


class MinLstmForCausalLM(RecurrentForCausalLM):
    config: MinLstmConfig


class DanModel(RecurrentModel):
    config: DanConfig
    supports_gradient_checkpointing = False


class DanForSequenceClassification(RecurrentForSequenceClassification):
    config: DanConfig
    supports_gradient_checkpointing = False


class DanForTokenClassification(RecurrentForTokenClassification):
    config: DanConfig
    supports_gradient_checkpointing = False
