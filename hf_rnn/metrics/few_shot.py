"""Measures how often a class is known by a few examples: n-way k-shot."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..inference.one_shot import Encode, check_similarity, encode_all
from ..models.similarity import matrix


__all__ = ["FewShotAccuracy", "NORMAL_95", "n_way_k_shot", "pixel_nearest_neighbour"]


# Standard errors on either side of a mean that make an interval of 95 %.
NORMAL_95 = 1.96


@dataclass(frozen=True)
class FewShotAccuracy:
    """The mean accuracy of `episodes` episodes.

    Attributes:
        accuracy: A share from 0 to 1; chance is 1 / `ways`.
        margin: Half the width of its 95 % interval, 1.96 standard errors of the mean over the episodes. It speaks of
            the draw of the episodes, not of other classes or another training of the encoder.
        ways, shots, episodes: What was asked for.

    The episodes are those of Vinyals et al. 2016 (https://arxiv.org/abs/1606.04080).

    Example:
        >>> FewShotAccuracy(accuracy=0.75, margin=0.5, ways=5, shots=1, episodes=10).interval
        (0.25, 1.0)
    """

    accuracy: float
    margin: float
    ways: int
    shots: int
    episodes: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, within 0 and 1."""
        return max(0.0, self.accuracy - self.margin), min(1.0, self.accuracy + self.margin)


def n_way_k_shot(
    encode: Encode,
    examples_by_class: Mapping[Hashable, Sequence[Any] | torch.Tensor],
    ways: int = 5,
    shots: int = 1,
    episodes: int = 1000,
    similarity: str = "cosine",
    seed: int = 0,
) -> FewShotAccuracy:
    """Measure how often an encoder's most similar example is of the right class, among classes that it need not have
    seen (Vinyals et al. 2016, https://arxiv.org/abs/1606.04080).

    An episode draws `ways` classes, and of each `shots` examples to know it by and one other to ask about; the answer
    is the class of the most similar known example. Among equals the first counts, so that an encoder which tells
    nothing apart gets exactly 1 / `ways`.

    Args:
        encode: Makes the vectors (batch, features) of several texts or images. It is called once, with all of them.
        examples_by_class: At least `ways` classes of at least `shots` + 1 examples.
        ways: Classes of an episode, at least 2.
        shots: Known examples of a class, at least 1.
        episodes: At least 2.
        similarity: The similarity of two vectors, see `models.similarity`.
        seed: The seed of the draw of the episodes.

    Example:
        >>> examples = {"a": torch.tensor([[1.0, 0.0]] * 3), "b": torch.tensor([[0.0, 1.0]] * 3)}
        >>> n_way_k_shot(lambda vectors: vectors, examples, ways=2, episodes=10).accuracy
        1.0

    Raises:
        ValueError: for a number below its least, too few classes, or a class with too few examples.
    """
    check_similarity(similarity)
    for name, value, least in (("ways", ways, 2), ("shots", shots, 1), ("episodes", episodes, 2)):
        if value < least:
            raise ValueError(f"`{name}` is {value}; it must be at least {least}.")
    sizes = _class_sizes(examples_by_class, ways, shots)
    vectors = encode_all(encode, [example for examples in examples_by_class.values() for example in examples])
    starts = torch.tensor([0, *sizes]).cumsum(0)
    generator = torch.Generator().manual_seed(seed)
    accuracies = torch.empty(episodes, dtype=torch.float64)
    for episode in range(episodes):
        classes = torch.randperm(len(sizes), generator=generator)[:ways].tolist()
        drawn = torch.stack(
            [starts[one] + torch.randperm(sizes[one], generator=generator)[: shots + 1] for one in classes]
        )  # (ways, shots + 1)
        asked, known = vectors[drawn[:, 0]], vectors[drawn[:, 1:].flatten()]
        answers = matrix(asked, known, similarity).argmax(1) // shots
        accuracies[episode] = (answers == torch.arange(ways)).double().mean()
    margin = NORMAL_95 * accuracies.std().item() / math.sqrt(episodes)
    return FewShotAccuracy(accuracies.mean().item(), margin, ways, shots, episodes)


def pixel_nearest_neighbour(
    examples_by_class: Mapping[Hashable, Sequence[torch.Tensor] | torch.Tensor],
    ways: int = 5,
    shots: int = 1,
    episodes: int = 1000,
    seed: int = 0,
) -> FewShotAccuracy:
    """Do [`n_way_k_shot`] without an encoder, by the Euclidean distance of the images' pixels: what an encoder has to
    beat, as in Lake et al. 2015 (https://doi.org/10.1126/science.aab3050). With the same `seed` the episodes are the
    same.

    Args:
        examples_by_class: Images (channels, height, width), as those of [`n_way_k_shot`].
        ways, shots, episodes, seed: As there.

    Example:
        >>> images = {"dark": torch.zeros(3, 1, 4, 4), "light": torch.ones(3, 1, 4, 4)}
        >>> pixel_nearest_neighbour(images, ways=2, episodes=10).accuracy
        1.0
    """
    return n_way_k_shot(_pixels, examples_by_class, ways, shots, episodes, "euclidean", seed)


def _pixels(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1).float()


def _class_sizes(
    examples_by_class: Mapping[Hashable, Sequence[Any] | torch.Tensor], ways: int, shots: int
) -> list[int]:
    if len(examples_by_class) < ways:
        raise ValueError(
            f"`examples_by_class` has {len(examples_by_class)} classes; it must have at least `ways`, {ways}."
        )
    for name, examples in examples_by_class.items():
        if len(examples) < shots + 1:
            raise ValueError(
                f"`examples_by_class` has {len(examples)} examples of {name!r}; it must have at least {shots + 1}, "
                f"`shots` to know it by and one to ask about."
            )
    return [len(examples) for examples in examples_by_class.values()]
