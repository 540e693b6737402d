"""
Recurrent models as transformers models: one backbone, each head once, and families that only fix their configuration.

    embeddings → recurrent layers → pooling → (Dan: dense layers) → head
"""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

import os
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ModelOutput, SequenceClassifierOutputWithPast
from transformers.utils import can_return_tuple
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .cache_rnn import RecurrentCache
from .cells import Cell
from .configuration_rnn import BiLstmConfig, DanConfig, ElmanConfig, GruConfig, LstmConfig, RecurrentConfig
from .heads import ClassificationHead, DenseStack
from .losses import classification_loss
from .pooling import Pooler
from .recurrent import LockedDropout, RecurrentLayer, Steps


@dataclass
class RecurrentModelOutput(ModelOutput):
    """
    What the backbone returns.

    Attributes:
        last_hidden_state: (batch, time, features), the last layer's output at every step; zero at the padding.
        pooler_output: (batch, `config.output_size`).
        past_key_values: The state, if it was asked for.
        hidden_states: The embeddings and each layer's output, each (batch, time, features), if they were asked for.
    """

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    past_key_values: RecurrentCache | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None


class RecurrentEmbeddings(nn.Module):
    """Token ids, or real-valued features, to the (batch, time, features) that the first layer reads."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.embedding_size = config.embedding_size
        self.vocab_size = config.vocab_size
        self.input_size = config.input_size
        self.one_hot = config.one_hot_input
        self.word_embeddings = None
        if config.vocab_size is not None and not config.one_hot_input:
            self.word_embeddings = nn.Embedding(
                config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
            )
        self.word_dropout = config.word_dropout
        self.dropout = LockedDropout(config.embedding_dropout, config.locked_dropout)

    def forward(self, inputs: torch.Tensor, steps: Steps, dtype: torch.dtype) -> torch.Tensor:
        """Ids (batch, time) or features (batch, time, features) to features in `dtype`; zeros at the padding."""
        features = inputs if inputs.dim() == 3 else self._look_up(inputs, dtype)
        if features.shape[-1] != self.input_size:
            raise ValueError(
                f"`inputs_embeds` has {features.shape[-1]} features; the model reads {self.input_size} "
                f"(`{'vocab_size' if self.one_hot else 'embedding_size'}` of its config)."
            )
        features = steps.clear_padding(features)
        if self.training and self.word_dropout > 0:
            kept = 1 - self.word_dropout
            features = features * features.new_empty(*features.shape[:2], 1).bernoulli_(kept)
        return self.dropout(features)

    def _look_up(self, input_ids: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        if self.vocab_size is None:
            raise ValueError("`input_ids` given to a model whose config has `vocab_size=None`; give `inputs_embeds`.")
        try:
            if self.word_embeddings is not None:
                looked_up: torch.Tensor = self.word_embeddings(input_ids)
                return looked_up
            return nn.functional.one_hot(input_ids, self.vocab_size).to(dtype)
        except (IndexError, RuntimeError) as error:
            least, most = int(input_ids.min()), int(input_ids.max())
            if least >= 0 and most < self.vocab_size:
                raise
            raise IndexError(
                f"`input_ids` holds ids from {least} to {most}; the model's vocabulary is [0, {self.vocab_size}). "
                "Is this the tokenizer the model was trained with?"
            ) from error


class RecurrentPreTrainedModel(PreTrainedModel):
    """Initialisation, loading and what transformers wants to know of a recurrent model."""

    config_class = RecurrentConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _is_stateful = True
    _can_record_outputs = {
        "hidden_states": [
            OutputRecorder(RecurrentEmbeddings, index=0, capture_initial_hidden_state=False),
            OutputRecorder(RecurrentLayer, index=0, capture_initial_hidden_state=False),
        ]
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Xavier dense layers, unit-length embeddings, and each cell's own; never over weights that were loaded."""
        if isinstance(module, Cell):
            module.initialize()
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            weight = torch.empty_like(module.weight).normal_(std=module.embedding_dim**-0.5)
            if module.padding_idx is not None:
                weight[module.padding_idx] = 0
            init.copy_(module.weight, weight)
        else:
            super()._init_weights(module)

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """As in transformers; the folder also carries the models' code, and every Auto class can load it by that."""
        # Saving records only the Auto class of the head that is saved; a stranger may want the backbone.
        self.config.auto_map = self.config.head_classes()
        return super().save_pretrained(save_directory, *args, **kwargs)

    def _embeddings(self) -> RecurrentEmbeddings:
        backbone: Any = getattr(self, self.base_model_prefix, self)
        return cast(RecurrentEmbeddings, backbone.embeddings)

    def get_input_embeddings(self) -> Any:
        """The embedding table; None for one-hot and real-valued inputs."""
        return self._embeddings().word_embeddings

    def set_input_embeddings(self, value: Any) -> None:
        embeddings = self._embeddings()
        embeddings.word_embeddings = value
        embeddings.vocab_size = value.num_embeddings


class RecurrentModel(RecurrentPreTrainedModel):
    """The backbone: every step's output, the pooled vector and the state."""

    _auto_class = "AutoModel"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        config.validate()
        recurrent = config.cell != "none"
        self.embeddings = RecurrentEmbeddings(config)
        num_layers = len(config.layer_sizes) if recurrent else 0
        self.layers = nn.ModuleList(RecurrentLayer(config, index) for index in range(num_layers))
        self.pooler = Pooler(config)
        pooled_size = config.step_size * (2 if config.pooling == "mean_max" else 1)
        self.dense = DenseStack(config, pooled_size, [] if recurrent else config.layer_sizes)
        self.post_init()

    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: RecurrentCache | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> RecurrentModelOutput:
        """
        Args:
            input_ids: (batch, time), or
            inputs_embeds: (batch, time, features).
            attention_mask: (batch, time), 1 at a token and 0 at padding, wherever it stands. By default every token
                that is not `config.pad_token_id` counts, and every step of `inputs_embeds`.
            past_key_values: The state to start from (zeros by default); it is not changed.
            use_cache: Whether to return the state; by default if one was given, else `config.use_cache`.

        Raises:
            ValueError: if not exactly one of the inputs is given, or shapes do not fit.
        """
        inputs = _one_of(input_ids, inputs_embeds)
        mask = _token_mask(inputs, attention_mask, self.config.pad_token_id)
        if use_cache is None:
            use_cache = past_key_values is not None or self.config.use_cache
        states = _states(past_key_values, len(self.layers))
        steps = Steps.of(mask, self.config.num_directions)
        hidden_states, finals, reached = self.embeddings(inputs, steps, self.dtype), None, []
        for layer, state in zip(self.layers, states, strict=True):
            hidden_states, finals, state = layer(hidden_states, steps, state, use_cache)
            reached.append(state)
        before = 0 if past_key_values is None else past_key_values.get_seq_length()
        return RecurrentModelOutput(
            last_hidden_state=hidden_states,
            pooler_output=self.dense(self.pooler(hidden_states, steps, finals)),
            past_key_values=RecurrentCache(reached, before + mask.shape[1]) if use_cache and reached else None,
        )


class RecurrentForSequenceClassification(RecurrentPreTrainedModel):
    """A label, several labels or a number for a sequence: the backbone and [`ClassificationHead`]."""

    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = RecurrentModel(config)
        self.classifier = ClassificationHead(config)
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
        **kwargs: Any,
    ) -> SequenceClassifierOutputWithPast:
        """
        Args:
            labels: (batch) class numbers; (batch, labels) 0 or 1 for multi-label; (batch) or (batch, labels) numbers
                for regression. `config.problem_type` says which, or it is found from the labels as transformers does.
            num_items_in_batch: Labels in the whole accumulated batch, by which the summed loss is divided.

        The other arguments are those of the backbone. Returns `loss` (if `labels` are given) and `logits`
        (batch, labels).
        """
        outputs = self.model(
            input_ids, attention_mask, inputs_embeds, past_key_values=past_key_values, use_cache=use_cache, **kwargs
        )
        logits = self.classifier(outputs.pooler_output)
        loss = None
        if labels is not None:
            loss = classification_loss(logits, labels, self.config.problem_type, num_items_in_batch)
        return SequenceClassifierOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
        )


def _one_of(input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> torch.Tensor:
    if (input_ids is None) == (inputs_embeds is None):
        given = "both are" if input_ids is not None else "neither is"
        raise ValueError(f"Exactly one of `input_ids` and `inputs_embeds` must be given; {given}.")
    if input_ids is not None and input_ids.dim() != 2:
        raise ValueError(f"`input_ids` has shape {tuple(input_ids.shape)}; it must be (batch, time).")
    if inputs_embeds is not None and inputs_embeds.dim() != 3:
        raise ValueError(
            f"`inputs_embeds` has shape {tuple(inputs_embeds.shape)}; it must be (batch, time, features)."
        )
    return input_ids if input_ids is not None else cast(torch.Tensor, inputs_embeds)


def _token_mask(inputs: torch.Tensor, attention_mask: torch.Tensor | None, pad_token_id: int | None) -> torch.Tensor:
    # (batch, time), True at a token.
    if attention_mask is not None:
        if attention_mask.shape != inputs.shape[:2]:
            raise ValueError(
                f"`attention_mask` has shape {tuple(attention_mask.shape)}; with these inputs it must be "
                f"{tuple(inputs.shape[:2])}, (batch, time)."
            )
        return attention_mask.bool()
    if inputs.dim() == 2 and pad_token_id is not None:
        return inputs != pad_token_id
    return torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)


def _states(cache: RecurrentCache | None, num_layers: int) -> list[tuple[torch.Tensor, ...] | None]:
    if cache is None:
        return [None] * num_layers
    if not isinstance(cache, RecurrentCache):
        raise ValueError(f"`past_key_values` is a {type(cache).__name__}; it must be a RecurrentCache.")
    if len(cache) != num_layers:
        raise ValueError(f"`past_key_values` holds {len(cache)} layers; the model has {num_layers}.")
    return list(cache.states)


class BiLstmModel(RecurrentModel):
    config: BiLstmConfig


class BiLstmForSequenceClassification(RecurrentForSequenceClassification):
    config: BiLstmConfig


class LstmModel(RecurrentModel):
    config: LstmConfig


class LstmForSequenceClassification(RecurrentForSequenceClassification):
    config: LstmConfig


class GruModel(RecurrentModel):
    config: GruConfig


class GruForSequenceClassification(RecurrentForSequenceClassification):
    config: GruConfig


class ElmanModel(RecurrentModel):
    config: ElmanConfig


class ElmanForSequenceClassification(RecurrentForSequenceClassification):
    config: ElmanConfig


class DanModel(RecurrentModel):
    config: DanConfig


class DanForSequenceClassification(RecurrentForSequenceClassification):
    config: DanConfig


__all__ = [
    "BiLstmForSequenceClassification",
    "BiLstmModel",
    "DanForSequenceClassification",
    "DanModel",
    "ElmanForSequenceClassification",
    "ElmanModel",
    "GruForSequenceClassification",
    "GruModel",
    "LstmForSequenceClassification",
    "LstmModel",
    "RecurrentForSequenceClassification",
    "RecurrentModel",
    "RecurrentModelOutput",
    "RecurrentPreTrainedModel",
]
