"""The network in plain PyTorch; apart from the peers, because a class over `nn.Module` imports torch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from ..network import DENSE, DROPOUT, FEATURES, UNITS, VOCABULARY, layer_inputs


class TorchNetwork(nn.Module):
    """Parameters are named as in `network.common_weights`.

    Args:
        packed: Pack the sequences; else padding is read like any token.
    """

    def __init__(self, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(VOCABULARY, FEATURES, padding_idx=0)
        self.layers = nn.ModuleList(
            nn.LSTM(size, units, batch_first=True, bidirectional=True)
            for size, units in zip(layer_inputs(), UNITS, strict=True)
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.dense = nn.Linear(2 * UNITS[-1], DENSE)
        self.output = nn.Linear(DENSE, 1)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Ids (batch, time), zeros on the right, and their lengths (batch) to a logit each, (batch)."""
        features = self.embedding(ids)
        if self.packed:
            features = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
        features, _ = self.layers[0](features)
        if self.packed:
            features = features._replace(data=self.dropout(features.data))
        else:
            features = self.dropout(features)
        _, (h, _) = self.layers[1](features)
        dense = torch.relu(self.dense(self.dropout(torch.cat([h[0], h[1]], dim=1))))
        return self.output(dense).squeeze(1)
