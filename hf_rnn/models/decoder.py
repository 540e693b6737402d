"""The decoder of an encoder-decoder: a stack of recurrent layers that reads a target, and attends to a source.

    s_t = layers([e(y_{t-1}); fed_t], s_{t-1}),    a_t = tanh(W [context_t; s_t])

Tokens are scored from the attended states a_t. With `config.input_feeding` None the states s_t of all steps are
computed in one call, and so are the contexts; else a step at a time:

    "attended"   fed_t = a_{t-1}, the context is found from s_t            (Luong et al. 2015, 3.3)
    "context"    fed_t = context_t, which is found from s_{t-1}            (Bahdanau et al. 2015, eq. 4-6)

Without attention there is a context with `config.context_at_each_step` alone, the encoder's pooled state, which is fed
at each step; otherwise tokens are scored from s_t itself, if need be through a linear layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from .attention import make_attention
from .configuration_seq2seq import RecurrentEncoderDecoderConfig
from .embeddings import RecurrentEmbeddings
from .looks import may_look
from .paths import recurrent_path
from .recurrent import StackedLayer, held_masks
from .steps import State, Steps


__all__ = ["Decoded", "RecurrentDecoder", "Source"]


@dataclass
class Source:
    """What a decoder knows of the sources of its batch.

    Attributes:
        memory: (batch, source, features), the encoder's states.
        keys: (batch, source, compared), see `attention.key_layer`.
        mask: (batch, source), True at a token; None: everywhere.
        context: (batch, features), what is fed at each step with `context_at_each_step`; else None.
    """

    memory: torch.Tensor
    keys: torch.Tensor
    mask: torch.Tensor | None
    context: torch.Tensor | None


@dataclass
class Decoded:
    """What a decoder makes of a target.

    Attributes:
        attended: (batch, target, features), from which tokens are scored.
        states: The state after the last step: of each layer, and with fed attended states that of the last step.
        hidden_states: The embeddings and each layer's output, each (batch, target, features).
        weights: (batch, target, source), the attention's; None without one.
    """

    attended: torch.Tensor
    states: list[State]
    hidden_states: list[torch.Tensor]
    weights: torch.Tensor | None


class RecurrentDecoder(nn.Module):
    """See the equations above."""

    def __init__(self, config: RecurrentEncoderDecoderConfig) -> None:
        super().__init__()
        writes = config.writes
        self.feeding = config.input_feeding
        self.attended_size = config.attended_size
        self.embeddings = RecurrentEmbeddings(writes)
        self.layers = nn.ModuleList(
            StackedLayer(writes, index, config.fed_size) for index in range(len(writes.layer_sizes))
        )
        self.attention = make_attention(config)
        context_size = config.reads.step_size if config.attends else config.context_at_each_step * config.fed_size
        same = context_size == 0 and writes.step_size == config.attended_size
        size = writes.step_size + context_size
        self.readout = nn.Identity() if same else nn.Linear(size, config.attended_size, bias=False)
        self.activation = nn.Tanh() if context_size else nn.Identity()

    @property
    def _stack(self) -> Iterable[StackedLayer]:
        return cast(Iterable[StackedLayer], self.layers)

    def start(self, states: Sequence[State]) -> list[State]:
        """What is carried from step to step at the beginning: the layers' initial states, and an attended state of
        zeros where it is fed.
        """
        if self.feeding != "attended":
            return list(states)
        h = states[-1][0]
        return [*states, (h.new_zeros(len(h), 1, self.attended_size),)]

    def forward(
        self,
        inputs: torch.Tensor,
        mask: torch.Tensor,
        source: Source,
        states: Sequence[State],
        dtype: torch.dtype,
    ) -> Decoded:
        """Args:
        inputs: (batch, target) ids or (batch, target, features) in `dtype`, that of the model.
        mask: (batch, target), True at a token; what stands before the padding passes over it unchanged.
        states: As `start` or an earlier `Decoded` has them.
        """
        steps = Steps.of(mask, 1)
        embedded = self.embeddings(inputs, steps, dtype)
        if self.feeding is None:
            return self._at_once(embedded, steps, source, states)
        # Each step is one of few operations, for which no kernel's preparations pay.
        with held_masks(self), recurrent_path("reference"):
            return self._stepwise(embedded, mask, source, states)

    def step(self, tokens: torch.Tensor, source: Source, states: Sequence[State], dtype: torch.dtype) -> Decoded:
        """What `forward` computes of one step, `tokens` (batch, 1), none of which is padding: as it is in generation,
        without asking anew for each token what is the same for all.
        """
        steps = _one_step(tokens)
        embedded = self.embeddings(tokens, steps, dtype)
        if self.feeding is None:
            return self._at_once(embedded, steps, source, states)
        with recurrent_path("reference"):
            reached, (attended, weights, *outputs) = self._step(embedded, None, source, list(states))
        return Decoded(attended, reached, [embedded, *outputs], weights)

    def _at_once(self, embedded: torch.Tensor, steps: Steps, source: Source, states: Sequence[State]) -> Decoded:
        outputs = embedded
        if source.context is not None:
            outputs = torch.cat([embedded, source.context.unsqueeze(1).expand(-1, embedded.shape[1], -1)], 2)
        hidden_states, reached = [embedded], []
        for layer, state in zip(self._stack, states, strict=True):
            outputs, _, after = layer.read(outputs, steps, state, True)
            hidden_states.append(outputs)
            reached.append(after)
        context, weights = source.context, None
        if self.attention is not None:
            context, weights = self.attention(outputs, source.memory, source.keys, source.mask)
        elif context is not None:
            context = context.unsqueeze(1).expand(-1, outputs.shape[1], -1)
        return Decoded(self._attended(context, outputs), reached, hidden_states, weights)

    def _attended(self, context: torch.Tensor | None, outputs: torch.Tensor) -> torch.Tensor:
        joined = outputs if context is None else torch.cat([context, outputs], 2)
        attended: torch.Tensor = self.activation(self.readout(joined))
        return attended

    def _stepwise(
        self, embedded: torch.Tensor, mask: torch.Tensor, source: Source, states: Sequence[State]
    ) -> Decoded:
        records: list[tuple[torch.Tensor, ...]] = []
        states, full = list(states), may_look(mask) and bool(mask.all())
        for turn in range(embedded.shape[1]):
            token = embedded[:, turn : turn + 1]
            seen = mask[:, turn : turn + 1]
            states, record = self._step(token, None if full else seen, source, states)
            records.append(record)
        attended, weights, *outputs = (torch.cat(parts, 1) for parts in zip(*records, strict=True))
        return Decoded(attended, states, [embedded, *outputs], weights)

    def _step(
        self, token: torch.Tensor, seen: torch.Tensor | None, source: Source, states: list[State]
    ) -> tuple[list[State], tuple[torch.Tensor, ...]]:
        # The states after a step, and what is kept of it: attended state, weights, each layer's output.
        layers = states[: len(self.layers)]
        if self.feeding == "context":
            context, weights = self._attend(layers[-1][0], source)
            fed = context
        else:
            (fed,) = states[-1]
        steps = _one_step(token) if seen is None else Steps.of(seen, 1)
        hidden, outputs, reached = torch.cat([token, fed], 2), [], []
        for layer, state in zip(self._stack, layers, strict=True):
            hidden, _, after = layer.read(hidden, steps, state, True)
            outputs.append(hidden)
            reached.append(after)
        if self.feeding == "attended":
            context, weights = self._attend(hidden, source)
        attended = self._attended(context, hidden)
        if self.feeding == "attended":
            reached.append((attended if seen is None else torch.where(seen.unsqueeze(2), attended, fed),))
        return reached, (attended, weights, *outputs)

    def _attend(self, states: torch.Tensor, source: Source) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.attention is not None
        found: tuple[torch.Tensor, torch.Tensor] = self.attention(states, source.memory, source.keys, source.mask)
        return found


def _one_step(token: torch.Tensor) -> Steps:
    return Steps(None, torch.ones(len(token), dtype=torch.long, device=token.device), (None,))
