"""Pairs of pictures of classes: to train on, other ones in each epoch, and to measure on, always the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import Dataset

from .distortions import distort


__all__ = ["ImagePairs", "TrainingImagePairs", "turned_classes"]


class ImagePairs(Dataset[dict[str, Any]]):
    """Pairs of pictures, by turns two different ones of a class (label 1) and of two classes (label 0).

    An item is `pixel_values` and `pixel_values_b`, both (channels, height, width), and `labels`, 0.0 or 1.0. It
    depends on `seed` and its index alone.

    Args:
        pictures: Class → (pictures, channels, height, width), at least 2 classes of at least 2 pictures.
        count: Number of pairs.
        seed: At least 0; another one, other pairs.

    Raises:
        ValueError: `count` or `seed` is below 0, or there are too few classes or pictures.
    """

    def __init__(self, pictures: Mapping[str, torch.Tensor], count: int, seed: int = 0) -> None:
        for name, value in (("count", count), ("seed", seed)):
            if value < 0:
                raise ValueError(f"`{name}` is {value}; it must be at least 0.")
        few = [name for name, own in pictures.items() if len(own) < 2]
        if len(pictures) < 2 or few:
            what = f"the class {few[0]!r} with {len(pictures[few[0]])} picture" if few else f"{len(pictures)} class"
            raise ValueError(f"`pictures` has {what}; it must have at least 2 classes of at least 2 pictures.")
        self.names = list(pictures)
        self.pictures = list(pictures.values())
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = self._generator(index)
        first, second = self._classes(index, generator)
        if first == second:
            one, other = torch.randperm(len(self.pictures[first]), generator=generator)[:2].tolist()
        else:
            one, other = (
                int(torch.randint(len(self.pictures[each]), (), generator=generator)) for each in (first, second)
            )
        pair = torch.stack([self.pictures[first][one], self.pictures[second][other]])
        pixels = self._changed(pair, generator)
        return {"pixel_values": pixels[0], "pixel_values_b": pixels[1], "labels": float(first == second)}

    def checksum_parts(self) -> Iterator[Any]:
        """Yield what tells these pairs from others, for `rows_checksum`."""
        yield [type(self).__name__, self.names, self.count, self.seed]
        for own in self.pictures:
            yield own.contiguous().numpy()

    def _generator(self, index: int) -> torch.Generator:
        if not 0 <= index < self.count:
            raise IndexError(f"`index` is {index}; there are {self.count} pairs.")
        return _seeded(self.seed, 0, index)

    def _classes(self, index: int, generator: torch.Generator) -> tuple[int, int]:
        first, second = torch.randperm(len(self.pictures), generator=generator)[:2].tolist()
        return first, first if index % 2 == 0 else second

    def _changed(self, pair: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return pair


class TrainingImagePairs(ImagePairs):
    """Differs from [`ImagePairs`]: an index gives another pair in each epoch, the classes take turns, and the pictures
    may be distorted.

    Args:
        pictures, seed: As there.
        per_class: Pairs of each class in an epoch, at least 1.
        alike_only: Whether all pairs are of one class (label 1), not every other.
        affine: Strength of the distortions, see `distortions.distort`; 0 for none.

    Raises:
        ValueError: as there, or `per_class` or `affine` is out of its range.
    """

    def __init__(
        self,
        pictures: Mapping[str, torch.Tensor],
        per_class: int,
        seed: int = 0,
        alike_only: bool = False,
        affine: float = 0.0,
    ) -> None:
        super().__init__(pictures, 0, seed)
        if per_class < 1:
            raise ValueError(f"`per_class` is {per_class}; it must be at least 1.")
        if not 0 <= affine < float("inf"):
            raise ValueError(f"`affine` is {affine}; it must be a finite number of at least 0.")
        self.count = per_class * len(self.pictures)
        self.alike_only, self.affine = alike_only, affine
        self.epoch = 0

    def checksum_parts(self) -> Iterator[Any]:
        """Yield what tells these pairs from others, for `rows_checksum`."""
        yield [self.alike_only, self.affine]
        yield from super().checksum_parts()

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate's data loader before each epoch."""
        self.epoch = epoch

    @property
    def groups(self) -> list[int]:
        """Give each pair that is alike the number of its class, and each other pair a number of its own."""
        return [
            self._first(index) if self._alike(index) else len(self.pictures) + index for index in range(self.count)
        ]

    def _alike(self, index: int) -> bool:
        return self.alike_only or index % 2 == 0

    def _first(self, index: int) -> int:
        # Alike and other pairs each go through all classes.
        return (index if self.alike_only else index // 2) % len(self.pictures)

    def _generator(self, index: int) -> torch.Generator:
        super()._generator(index)  # refuses an index that is out of range
        return _seeded(self.seed, 1 + self.epoch, index)

    def _classes(self, index: int, generator: torch.Generator) -> tuple[int, int]:
        first = self._first(index)
        step = 0 if self._alike(index) else int(torch.randint(1, len(self.pictures), (), generator=generator))
        return first, (first + step) % len(self.pictures)

    def _changed(self, pair: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return distort(pair, self.affine, generator) if self.affine else pair


def turned_classes(pictures: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each class, and the class of its pictures turned by 90, 180 and 270 degrees: four times as many classes, as in
    Santoro et al. 2016 (https://arxiv.org/abs/1605.06065), section 4.1. Height and width must be equal.
    """
    turns = (0, 90, 180, 270)
    return {
        f"{name} turned by {degrees}": torch.rot90(own, degrees // 90, (-2, -1)).contiguous()
        for degrees in turns
        for name, own in pictures.items()
    }


def _seeded(*numbers: int) -> torch.Generator:
    """A generator whose state depends on all of the `numbers`."""
    # torch mixes the bits of one seed well; the numbers are kept apart by large primes.
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number) % (2**63 - 25)
    return torch.Generator().manual_seed(seed)
