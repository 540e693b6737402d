"""The network in plain PyTorch, as tutorials on translation write it: the source packed, the target in a loop.

Apart from the peer, because a class over `nn.Module` imports torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .network import (
    DECODER,
    EMBEDDING_DROPOUT,
    ENCODER,
    END,
    FEATURES,
    OUTPUT_DROPOUT,
    PADDING,
    READOUT,
    STATES,
    VOCABULARY,
)


class TutorialNetwork(nn.Module):
    """Parameters are named as in `network.shapes`.

    Args:
        cell: `lstm` or `gru`.
        fed: Each step reads the attended state of the one before it.
    """

    def __init__(self, cell: str = "lstm", fed: bool = False) -> None:
        super().__init__()
        self.fed, self.parts = fed, STATES[cell]
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.source_embedding = nn.Embedding(VOCABULARY, FEATURES, padding_idx=PADDING)
        self.target_embedding = nn.Embedding(VOCABULARY, FEATURES, padding_idx=PADDING)
        self.embedding_dropout, self.output_dropout = nn.Dropout(EMBEDDING_DROPOUT), nn.Dropout(OUTPUT_DROPOUT)
        self.encoder = layer(FEATURES, ENCODER, batch_first=True, bidirectional=True)
        self.bridge = nn.ModuleDict({part: nn.Linear(2 * ENCODER, DECODER) for part in self.parts})
        self.decoder = layer(FEATURES + READOUT * fed, DECODER, batch_first=True)
        self.keys = nn.Linear(2 * ENCODER, DECODER, bias=False)
        self.readout = nn.Linear(2 * ENCODER + DECODER, READOUT, bias=False)
        self.output = nn.Linear(READOUT, VOCABULARY)

    def encode(self, sources: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Ids (batch, source), zeros on the right, and their lengths (batch) to the encoder's states (batch, source,
        features), their keys, where they are padding (batch, 1, source), and the decoder's state, its parts in one.
        """
        embedded = self.embedding_dropout(self.source_embedding(sources))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, finals = self.encoder(packed)
        memory, _ = pad_packed_sequence(outputs, batch_first=True)
        finals = finals if len(self.parts) > 1 else (finals,)
        starts = [self.bridge[part](torch.cat([*final], 1)) for part, final in zip(self.parts, finals, strict=True)]
        starts[0] = starts[0].tanh()
        return memory, self.keys(memory), (sources == PADDING).unsqueeze(1), *starts

    def step(
        self,
        tokens: torch.Tensor,
        state: tuple[torch.Tensor, ...],
        fed: torch.Tensor,
        source: tuple[torch.Tensor, ...],
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], torch.Tensor]:
        """Tokens (batch, 1) to scores (batch, 1, tokens), the state after them, each part (1, batch, units), and the
        attended state (batch, 1, features).
        """
        memory, keys, padding = source
        features = self.embedding_dropout(self.target_embedding(tokens))
        if self.fed:
            features = torch.cat([features, fed], 2)
        outputs, after = self.decoder(features, state if len(state) > 1 else state[0])
        scores = torch.bmm(outputs, keys.transpose(1, 2)).masked_fill(padding, -torch.inf)
        context = torch.bmm(scores.softmax(2), memory)
        attended = torch.tanh(self.readout(torch.cat([context, outputs], 2)))
        logits = self.output(self.output_dropout(attended))
        return logits, after if isinstance(after, tuple) else (after,), attended

    def forward(self, sources: torch.Tensor, lengths: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
        """Scores (batch, target, tokens) of what follows each token of `read` (batch, target): teacher forcing."""
        *source, state, fed = self._start(sources, lengths)
        every = []
        for turn in range(read.shape[1]):
            logits, state, fed = self.step(read[:, turn : turn + 1], state, fed, tuple(source))
            every.append(logits)
        return torch.cat(every, 1)

    @torch.inference_mode()
    def write(self, sources: torch.Tensor, lengths: torch.Tensor, most: int) -> torch.Tensor:
        """The likeliest token each time, until all have ended or there are `most`: (batch, tokens)."""
        *source, state, fed = self._start(sources, lengths)
        tokens = torch.full((len(sources), 1), END)
        written: list[torch.Tensor] = []
        over = torch.zeros(len(sources), dtype=torch.bool)
        while len(written) < most and not over.all():
            logits, state, fed = self.step(tokens, state, fed, tuple(source))
            tokens = logits.argmax(2)
            written.append(tokens)
            over |= tokens[:, 0] == END
        return torch.cat(written, 1)

    def _start(self, sources: torch.Tensor, lengths: torch.Tensor) -> tuple[Any, ...]:
        memory, keys, padding, *starts = self.encode(sources, lengths)
        state = tuple(part.unsqueeze(0) for part in starts)
        return memory, keys, padding, state, memory.new_zeros(len(memory), 1, READOUT)
