"""Computes what a classifier of pairs knows of two texts: how they align, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .alignment import PairReader
from .configuration_siamese import SiameseConfig
from .overlap import NUM_OVERLAP_FEATURES, Overlap, swapped
from .pair_inputs import token_mask


__all__ = ["ReadTogether", "beside", "embedding_features", "together_size"]


# Units between what two texts share and the logits.
WIDE_UNITS = 32


def together_size(config: SiameseConfig) -> int:
    """Features of a pair that is read together; 0 where the configuration has no `composition`."""
    if config.composition is None:
        return 0
    return 8 * ((config.state_size + 1) // 2) + NUM_OVERLAP_FEATURES


class ReadTogether(nn.Module):
    """The features of two texts by [`PairReader`] and [`Overlap`], and logits by the latter alone beside the others
    (wide & deep learning, Cheng et al. 2016, https://doi.org/10.1145/2988450.2988454).

    Args:
        config: The configuration of the network, with a `composition`.
    """

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        encoder: Any = config.encoder
        self.reader = PairReader(str(config.composition), config.state_size, config.classifier_dropout)
        self.padding = config.padding
        self.overlap = Overlap(encoder.vocab_size)
        # What is shared is few numbers among many: it has a way to the logits of its own.
        self.wide = nn.Sequential(
            nn.Linear(NUM_OVERLAP_FEATURES, WIDE_UNITS), nn.ReLU(), nn.Linear(WIDE_UNITS, config.num_labels or 1)
        )

    def of_shared(self, features: torch.Tensor) -> torch.Tensor:
        """The logits (batch, labels) by what the two texts share, of the features that [`forward`] returns."""
        logits: torch.Tensor = self.wide(features[:, -NUM_OVERLAP_FEATURES:])
        return logits

    def forward(
        self,
        states: tuple[torch.Tensor, torch.Tensor],
        sides: Sequence[tuple[torch.Tensor, torch.Tensor | None]],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Args:
            states: (batch, time, features) of each text, with a time of its own.
            sides: The ids of each text, (batch, time), and its mask, 1 where there is a token; None: at every token
                but the padding.

        Returns:
            The features of each pair, and those of the pair with the second text first, both (batch, size).
        """
        ids = [given for given, _ in sides]
        masks = [(token_mask(i, self.padding) if mask is None else mask).bool() for i, mask in sides]
        shared = self.overlap(*ids, *masks)
        # The states of a batch of both sides are as long as the longer of the two.
        wide = [
            nn.functional.pad(mask, (0, side.shape[1] - mask.shape[1]))
            for mask, side in zip(masks, states, strict=True)
        ]
        a, b = self.reader(*states, *wide)
        return torch.cat([a, b, shared], dim=1), torch.cat([b, a, swapped(shared)], dim=1)


def embedding_features(u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(u, v, |u − v|, u ∗ v) of the embeddings (batch, size) of both texts; and those of (v, u)."""
    alike = torch.cat([(u - v).abs(), u * v], dim=1)
    return torch.cat([u, v, alike], dim=1), torch.cat([v, u, alike], dim=1)


def beside(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The features of both, (batch, features)."""
    return torch.cat([first, second], dim=1)
