"""Computes what a classifier of pairs knows of two texts: how they align, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .alignment import PairReader, reader_size
from .configuration_siamese import SiameseConfig
from .overlap import NUM_OVERLAP_FEATURES, Overlap, swapped
from .pair_inputs import token_mask
from .similarity import pairwise


__all__ = ["NUM_SHARED", "ReadTogether", "alike", "beside", "embedding_features", "together_size"]


# Units between what two texts share and the logits.
WIDE_UNITS = 32
# What two texts share: their tokens, and the direction of their embeddings.
NUM_SHARED = NUM_OVERLAP_FEATURES + 1


def together_size(config: SiameseConfig) -> int:
    """Features of a pair that is read together; 0 where the configuration has no `composition`."""
    if config.composition is None:
        return 0
    return 4 * reader_size(config.state_size) + NUM_SHARED


class ReadTogether(nn.Module):
    """The features of two texts by [`PairReader`], by [`Overlap`] and by the cosine of their embeddings, and logits by
    the latter two alone beside the others (wide & deep learning, Cheng et al. 2016, https://doi.org/10.1145/2988450.2988454).

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
            nn.Linear(NUM_SHARED, WIDE_UNITS), nn.ReLU(), nn.Linear(WIDE_UNITS, config.num_labels or 1)
        )

    def of_shared(self, features: torch.Tensor) -> torch.Tensor:
        """The logits (batch, labels) by what the two texts share, of the features that [`forward`] returns."""
        logits: torch.Tensor = self.wide(features[:, -NUM_SHARED:])
        return logits

    def forward(
        self,
        states: tuple[torch.Tensor, torch.Tensor],
        sides: Sequence[tuple[torch.Tensor, torch.Tensor | None]],
        embeddings: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Args:
            states: (batch, time, features) of each text, with a time of its own.
            sides: The ids of each text, (batch, time), and its mask, 1 where there is a token; None: at every token
                but the padding.
            embeddings: (batch, features) of each text.

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
        same = alike(*embeddings)
        return torch.cat([a, b, shared, same], dim=1), torch.cat([b, a, swapped(shared), same], dim=1)


def alike(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """(batch, 1): the cosine of the embeddings (batch, size) of both texts, as 4 x − 2, which is as spread as the
    features of [`Overlap`] are.
    """
    return 4 * pairwise(u, v, "cosine").unsqueeze(1) - 2


def embedding_features(u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(u, v, |u − v|, u ∗ v) of the embeddings (batch, size) of both texts; and those of (v, u)."""
    alike = torch.cat([(u - v).abs(), u * v], dim=1)
    return torch.cat([u, v, alike], dim=1), torch.cat([v, u, alike], dim=1)


def beside(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """The features of both, (batch, features)."""
    return torch.cat([first, second], dim=1)
