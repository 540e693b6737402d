"""Pairs of drawn letters to train on: other images in each epoch, every letter equally often."""

from __future__ import annotations

import numpy as np

from .glyphs import GlyphPairs


__all__ = ["TrainingGlyphPairs"]


class TrainingGlyphPairs(GlyphPairs):
    """Differs from [`GlyphPairs`] of the training letters: an index gives another pair in each epoch, and the letters
    (of a pair of two, the first) take turns.

    Args:
        per_letter: Pairs of each letter in an epoch, at least 1.
        size: Height and width of the images in pixels.
        seed: At least 0; another one, other images.
        letters: How many of the training letters, at least 2; by default all.
        alike_only: Whether all pairs are of one letter (label 1), not every other.

    Raises:
        ValueError: see `GlyphPairs`, or `per_letter` or `letters` is out of its range.
    """

    def __init__(
        self, per_letter: int, size: int = 28, seed: int = 0, letters: int | None = None, alike_only: bool = False
    ) -> None:
        super().__init__("train", 0, size, seed)
        if letters is not None and not 2 <= letters <= len(self.letters):
            raise ValueError(f"`letters` is {letters}; it must be from 2 to {len(self.letters)}, or None for all.")
        if per_letter < 1:
            raise ValueError(f"`per_letter` is {per_letter}; it must be at least 1.")
        self.letters = self.letters[:letters]
        self.count = per_letter * len(self.letters)
        self.alike_only = alike_only
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate's data loader before each epoch."""
        self.epoch = epoch

    @property
    def groups(self) -> list[int]:
        """Give each pair that is alike the number of its letter, and each other pair a number of its own."""
        return [self._first(index) if self._alike(index) else len(self.letters) + index for index in range(self.count)]

    def _alike(self, index: int) -> bool:
        return self.alike_only or index % 2 == 0

    def _first(self, index: int) -> int:
        # Alike and other pairs each go through all letters.
        return (index if self.alike_only else index // 2) % len(self.letters)

    def _generator(self, index: int) -> np.random.Generator:
        super()._generator(index)  # refuses an index that is out of range
        return np.random.default_rng([self.seed, self.epoch, index])

    def _letters(self, index: int, generator: np.random.Generator) -> tuple[str, str]:
        first = self._first(index)
        step = 0 if self._alike(index) else int(generator.integers(1, len(self.letters)))
        return self.letters[first], self.letters[(first + step) % len(self.letters)]
