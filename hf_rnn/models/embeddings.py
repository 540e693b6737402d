"""What the first layer reads: token ids, or real-valued features, as (batch, time, features)."""

from __future__ import annotations

import torch
from torch import nn

from .configuration_rnn import RecurrentConfig
from .recurrent import LockedDropout, RecordedStates
from .steps import Steps
from .tracing import shape_of
from .words import Words


__all__ = ["RecurrentEmbeddings", "TypeDropout"]


class TypeDropout(nn.Module):
    """Dropout of whole types: what is dropped is zero wherever it occurs in the batch (Gal & Ghahramani 2016,
    https://arxiv.org/abs/1512.05287; the embedding dropout of Merity et al. 2018, https://arxiv.org/abs/1708.02182).

    Args:
        probability: Share of the types whose vectors are zeroed in training; the rest is scaled by
            1 / (1 - probability).
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: torch.Tensor, types: torch.Tensor, num_types: int) -> torch.Tensor:
        """Vectors (…, features) of the `types` (…), whole numbers in [0, num_types)."""
        if not self.training or self.probability == 0:
            return features
        kept = 1 - self.probability
        # One number for each type, gathered: the table itself need not be touched.
        mask = features.new_empty(num_types, 1).bernoulli_(kept).div_(kept)
        return features * nn.functional.embedding(types, mask)

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


class RecurrentEmbeddings(RecordedStates):
    """Token ids, or real-valued features, to the (batch, time, features) that the first layer reads."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.embedding_size = config.embedding_size
        self.vocab_size = config.vocab_size
        self.input_size = config.input_size
        self.word_embeddings = self._table(config)
        self.type_dropout = TypeDropout(config.word_type_dropout)
        self.word_dropout = config.word_dropout
        self.dropout = LockedDropout(config.embedding_dropout, config.locked_dropout)

    def _table(self, config: RecurrentConfig) -> nn.Embedding | None:
        if config.vocab_size is None or config.one_hot_input:
            return None
        return nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)

    def find_words(self, inputs: torch.Tensor, mask: torch.Tensor) -> Words | None:
        """Find the words that the ids (batch, time) make, given their mask; None if every token is its own step."""
        return None

    def forward(
        self, inputs: torch.Tensor, steps: Steps, dtype: torch.dtype, words: Words | None = None
    ) -> torch.Tensor:
        """Ids (batch, time) or features (batch, time, features), which must be in `dtype`, that of the model, to
        features; zeros at the padding.
        """
        features = _checked_type(inputs, dtype) if inputs.dim() == 3 else self._look_up(inputs, dtype)
        if shape_of(features)[-1] != self.input_size:
            raise ValueError(
                f"`inputs_embeds` has {shape_of(features)[-1]} features; the model reads {self.input_size} "
                "(`input_size` of its config)."
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
                looked_up = self.word_embeddings(input_ids)
            else:
                looked_up = nn.functional.one_hot(input_ids, self.vocab_size).to(dtype)
        except (IndexError, RuntimeError) as error:
            self._explain(input_ids, error)
            raise
        dropped: torch.Tensor = self.type_dropout(looked_up, input_ids, self.vocab_size)
        return dropped

    def _explain(self, input_ids: torch.Tensor, error: Exception) -> None:
        # torch names neither the argument nor the size of the vocabulary.
        least, most = int(input_ids.min()), int(input_ids.max())
        if least < 0 or most >= (self.vocab_size or 0):
            raise IndexError(
                f"`input_ids` holds ids from {least} to {most}; the model's vocabulary is [0, {self.vocab_size}). "
                "Is this the tokenizer the model was trained with?"
            ) from error


def _checked_type(features: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    # Autocast brings the types of floating point together, but for float64.
    types = {features.dtype, dtype}
    if len(types) == 1:
        return features
    together = torch.is_autocast_enabled(features.device.type) and torch.float64 not in types
    if together and features.is_floating_point():
        return features
    own = str(dtype).removeprefix("torch.")
    cast = "inputs_embeds.float()" if dtype == torch.float32 else f"inputs_embeds.to({dtype})"
    other = ", or make the model float64 with model.double()" if features.dtype == torch.float64 else ""
    raise ValueError(f"`inputs_embeds` is {features.dtype}; the weights of the model are {own}: give {cast}{other}.")
