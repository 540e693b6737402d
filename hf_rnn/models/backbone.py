"""The backbone that every model shares, and what transformers wants to know of it:

embeddings → recurrent layers → pooling → (Dan: dense layers)
"""

# No `from __future__ import annotations` here: transformers reads `config: GruConfig` as a type, not a string.

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .cache_rnn import RecurrentCache
from .cell import Cell
from .configuration_rnn import RecurrentConfig
from .crf import ConditionalRandomField
from .embeddings import RecurrentEmbeddings
from .heads import DenseStack
from .placed import PlacedMixin
from .pooling import Pooler
from .recurrent import RecordedStates, StackedLayer
from .state_name import StateOutputMixin, named_state, take_state
from .steps import Steps
from .tagging import TaggingHead
from .tracing import shape_of
from .weight_files import DamagedWeightsMixin
from .wide import WidePart
from .word_embeddings import WordEmbeddings
from .words import Words


__all__ = ["RecurrentModel", "RecurrentModelOutput", "RecurrentPreTrainedModel"]


@dataclass
class RecurrentModelOutput(StateOutputMixin, BaseModelOutputWithPoolingAndCrossAttentions):
    """What the backbone returns.

    Attributes:
        last_hidden_state: (batch, time, features), the last layer's output at every step; zero at the padding. In a
            model of words (`config.word_vocab_size`) the steps are words.
        pooler_output: (batch, `config.output_size`).
        hidden_states: The embeddings and each layer's output, each (batch, time, features), if they were asked for.
        cache: The state, if it was asked for; transformers up to 5.23 calls it `past_key_values`.
        attentions, cross_attentions: None: there are none.
    """


class RecurrentPreTrainedModel(DamagedWeightsMixin, PlacedMixin, PreTrainedModel):
    """Initialisation, loading and what transformers wants to know of a recurrent model."""

    config_class: type[Any] = RecurrentConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _is_stateful = True
    _can_record_outputs = {
        "hidden_states": OutputRecorder(
            RecordedStates, index=0, capture_initial_hidden_state=False, num_hidden_layers_key="num_hidden_states"
        )
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Xavier dense layers, unit-length embeddings, and each cell's own; never over weights that were loaded."""
        if isinstance(module, Cell | ConditionalRandomField | TaggingHead | WidePart | WordEmbeddings):
            module.initialize()
        elif isinstance(module, nn.Linear | nn.Conv1d):
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
        """Save as transformers does, with the models' code in the folder, by which every Auto class can load it."""
        # Saving records only the Auto class of the head that is saved; a stranger may want the backbone.
        classes = self.config.head_classes()
        if self.config.causal_obstacle is not None:
            classes.pop("AutoModelForCausalLM", None)
        if self.config.series_obstacle is not None:
            classes.pop("AutoModelForTimeSeriesPrediction", None)
        self.config.auto_map = classes
        return super().save_pretrained(save_directory, *args, **kwargs)

    def _embeddings(self) -> RecurrentEmbeddings:
        backbone: Any = getattr(self, self.base_model_prefix, self)
        return cast(RecurrentEmbeddings, backbone.embeddings)

    def get_input_embeddings(self) -> Any:
        """The embedding table; None for one-hot and real-valued inputs."""
        return self._embeddings().word_embeddings

    def set_input_embeddings(self, value: Any) -> None:
        embeddings = self._embeddings()
        if isinstance(embeddings, WordEmbeddings):
            # transformers would take another number of words for another number of tokens.
            if value.num_embeddings != self.config.word_vocab_size:
                raise ValueError(
                    f"`value` has {value.num_embeddings} rows; a model of words keeps its `word_vocab_size`, "
                    f"{self.config.word_vocab_size}: make a new model, and give it tokens and words."
                )
        else:
            embeddings.vocab_size = value.num_embeddings
        embeddings.word_embeddings = value


class RecurrentModel(RecurrentPreTrainedModel):
    """The backbone: every step's output, the pooled vector and the state."""

    _auto_class = "AutoModel"

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__(config)
        config.validate()
        recurrent = config.cell != "none"
        words = config.word_vocab_size is not None
        self.embeddings = WordEmbeddings(config) if words else RecurrentEmbeddings(config)
        num_layers = len(config.layer_sizes) if recurrent else 0
        self.layers = nn.ModuleList(StackedLayer(config, index) for index in range(num_layers))
        self.pooler = Pooler(config)
        pooled_size = config.step_size * (2 if config.pooling == "mean_max" else 1)
        self.dense = DenseStack(config, pooled_size, [] if recurrent else config.layer_sizes)
        if next(self.parameters(), None) is None:
            # A bag of words, one-hot vectors pooled: nothing else says where, and in which type, it computes. Saved,
            # as transformers writes no file without tensors and loads no model without a file.
            self.register_buffer("place", torch.zeros(1))
        self.post_init()

    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        past_key_values: RecurrentCache | None = None,
        use_cache: bool | None = None,
        words: Words | None = None,
        cache: RecurrentCache | None = None,
        **kwargs: Any,
    ) -> RecurrentModelOutput:
        """Args:
            input_ids: (batch, time), or
            inputs_embeds: (batch, time, features).
            attention_mask: (batch, time), 1 at a token and 0 at padding, wherever it stands. By default every token
                that is not `config.pad_token_id` counts, and every step of `inputs_embeds`.
            past_key_values: An older name of `cache`.
            use_cache: Whether to return the state; by default if one was given, else `config.use_cache`.
            words: In a model of words, what `embeddings.find_words` found, where a head has asked already.
            cache: The state to start from (zeros by default); it is not changed.

        Raises:
            ValueError: if not exactly one of the inputs is given, or shapes do not fit.
        """
        start = take_state(kwargs, cache, past_key_values)
        inputs, mask = self.inputs_and_mask(input_ids, attention_mask, inputs_embeds)
        if words is None:
            words = self.embeddings.find_words(inputs, mask)
        if use_cache is None:
            # What a trace returns is made of tensors alone; a state is an object.
            use_cache = start is not None or (self.config.use_cache and not torch.jit.is_tracing())
        states = _states(start, len(self.layers))
        steps = Steps.of(mask if words is None else words.mask, self.config.num_directions)
        hidden_states, finals, reached = self.embeddings(inputs, steps, self.dtype, words), None, []
        for layer, state in zip(cast(Iterable[StackedLayer], self.layers), states, strict=True):
            hidden_states, finals, state = layer.read(hidden_states, steps, state, use_cache)
            reached.append(state)
        num_steps = (0 if start is None else start.get_seq_length()) + mask.shape[1]
        end = RecurrentCache(reached, num_steps, batch_first=True) if use_cache and reached else None
        return RecurrentModelOutput(
            last_hidden_state=hidden_states,
            pooler_output=self.dense(self.pooler(hidden_states, steps, finals)),
            **named_state(end),
        )

    def initial_state(self, batch_size: int) -> RecurrentCache:
        """The state of zeros, from which `batch_size` texts are read where no other is given."""
        states = []
        for layer in cast(Iterable[StackedLayer], self.layers):
            shape = (batch_size, layer.num_directions, layer.hidden_size)
            zeros = torch.zeros(shape, dtype=self.dtype, device=self.device)
            states.append((zeros,) * layer.num_states)
        return RecurrentCache(states, batch_first=True)

    def inputs_and_mask(
        self, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, inputs_embeds: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What `forward` reads of its arguments: ids or features, and their mask (batch, time), True at a token."""
        inputs = _one_of(input_ids, inputs_embeds)
        return inputs, _token_mask(inputs, attention_mask, self.config.pad_token_id)


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
        if shape_of(attention_mask) != shape_of(inputs)[:2]:
            raise ValueError(
                f"`attention_mask` has shape {shape_of(attention_mask)}; with these inputs it must be "
                f"{shape_of(inputs)[:2]}, (batch, time)."
            )
        return attention_mask.bool()
    if inputs.dim() == 2 and pad_token_id is not None:
        return inputs != pad_token_id
    return torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)


def _states(cache: RecurrentCache | None, num_layers: int) -> list[tuple[torch.Tensor, ...] | None]:
    if cache is None:
        return [None] * num_layers
    if not isinstance(cache, RecurrentCache):
        raise ValueError(f"`cache` is a {type(cache).__name__}; it must be a RecurrentCache.")
    if len(cache) != num_layers:
        raise ValueError(f"`cache` holds {len(cache)} layers; the model has {num_layers}.")
    return list(cache.states)
