"""The outputs of siamese networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers.modeling_outputs import ModelOutput


__all__ = ["SiameseOutput", "SiamesePairClassifierOutput"]


@dataclass
class SiameseOutput(ModelOutput):
    """The outputs of a siamese network.

    Attributes:
        logits: (batch), the similarity of each pair, if a second input was given.
        embeddings: (batch, features) of the first input.
        embeddings_b: (batch, features) of the second input, if it was given.
        hidden_states: Those of the encoder for the first input, if asked for; in a pair as long as the longer.
        hidden_states_b: Those of the second input.
        last_hidden_state, last_hidden_state_b: (batch, time, features), the encoder's for both inputs of a pair, if
            the configuration has a `composition`; as long as the longer.
    """

    logits: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    embeddings_b: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    hidden_states_b: tuple[torch.Tensor, ...] | None = None
    last_hidden_state: torch.Tensor | None = None
    last_hidden_state_b: torch.Tensor | None = None


@dataclass
class SiamesePairClassifierOutput(ModelOutput):
    """The outputs of a classifier of pairs.

    Attributes:
        loss: The loss of the labels, if they were given.
        logits: (batch, labels).
        similarities: (batch), of the embeddings, by `config.similarity`.
        embeddings: (batch, features) of the first input.
        embeddings_b: (batch, features) of the second input.
        hidden_states, hidden_states_b: As in [`SiameseOutput`].
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    similarities: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    embeddings_b: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    hidden_states_b: tuple[torch.Tensor, ...] | None = None
