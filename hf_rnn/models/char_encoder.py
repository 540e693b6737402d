"""A word's spelling as a vector, from its UTF-8 bytes: open to any word of any script.

A convolution and the maximum over the word (Ma & Hovy 2016, https://aclanthology.org/P16-1101), or the final states of
a bidirectional LSTM (Lample et al. 2016, https://aclanthology.org/N16-1030).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from .configuration_rnn import BiLstmConfig, RecurrentConfig
from .recurrent import RecurrentLayer
from .steps import Steps
from .tracing import recorded, shape_of


__all__ = ["CHAR_ENCODERS", "PADDING_BYTE", "CharacterCnn", "CharacterLstm"]


# Bytes are 0 to 255; this stands beyond a word's ends.
PADDING_BYTE = 256
NUM_SYMBOLS = 257
KERNEL_SIZE = 3


class ByteEmbedding(nn.Embedding):
    """A table whose row for `padding_idx`, zero at first, is trained as the others are."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return functional.embedding(input, self.weight)


class NeighbourhoodConvolution(nn.Conv1d):
    """A convolution that is several times faster where what it is given is as wide as its kernel, (places, channels,
    kernel) to (places, filters, 1): there it is a product.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if shape_of(input)[2] != self.kernel_size[0]:
            return super().forward(input)
        # Byte by byte, as they lie in memory.
        flat, weight = (tensor.transpose(1, 2).flatten(1) for tensor in (input, self.weight))
        return functional.linear(flat, weight, self.bias).unsqueeze(2)


class CharacterCnn(nn.Module):
    """(words, bytes) to (words, `config.char_hidden_size`): embeddings, a convolution of three bytes with padding at
    both ends of the word, and the largest value of each filter over the word.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        # The vector of what stands beyond a word's ends is one of them.
        self.embeddings = ByteEmbedding(NUM_SYMBOLS, config.char_embedding_size, padding_idx=PADDING_BYTE)
        self.convolution = NeighbourhoodConvolution(config.char_embedding_size, config.char_hidden_size, KERNEL_SIZE)

    def forward(self, characters: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Args:
        characters: (words, bytes), `PADDING_BYTE` after a word's end.
        lengths: (words), the bytes of each.
        """
        around = functional.pad(characters, (1, 1), value=PADDING_BYTE).unfold(1, KERNEL_SIZE, 1)
        # A word without a byte (a special token) still has one place, with padding all around.
        at_least_one = lengths.clamp(min=1)
        real = torch.arange(characters.shape[1], device=lengths.device) < at_least_one.unsqueeze(1)
        if recorded():
            # How many places are real depends on the values: all are computed.
            filtered = self._filtered(around.flatten(0, 1)).view(*real.shape, -1)
            return filtered.masked_fill(~real.unsqueeze(2), -torch.inf).amax(1)
        # Nothing is computed at the padding.
        filtered = self._filtered(around[real])
        word = real.nonzero()[:, :1].expand_as(filtered)
        # `segment_reduce` will not do: among equal values, as in "aaaa", each gets the whole of a negative gradient.
        largest = filtered.new_zeros(len(lengths), filtered.shape[1]).scatter_reduce(
            0, word, filtered, "amax", include_self=False
        )
        return largest

    def _filtered(self, around: torch.Tensor) -> torch.Tensor:
        # Places' neighbourhoods (places, 3) to (places, filters).
        filtered: torch.Tensor = self.convolution(self.embeddings(around).transpose(1, 2)).squeeze(2)
        return filtered


class CharacterLstm(nn.Module):
    """(words, bytes) to (words, 2 * `config.char_hidden_size`): the final state of each direction."""

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(NUM_SYMBOLS, config.char_embedding_size, padding_idx=PADDING_BYTE)
        one_layer = BiLstmConfig(embedding_size=config.char_embedding_size, hidden_size=config.char_hidden_size)
        self.layer = RecurrentLayer(one_layer, 0)

    def forward(self, characters: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """See `CharacterCnn.forward`."""
        real = torch.arange(characters.shape[1], device=lengths.device) < lengths.unsqueeze(1)
        _, finals, _ = self.layer.read(self.embeddings(characters), Steps.of(real, 2))
        return finals.flatten(1)


CHAR_ENCODERS = {"cnn": CharacterCnn, "lstm": CharacterLstm}
