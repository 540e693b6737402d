"""
One-shot learning with an encoder that was trained for similarity: classes it has never seen, known by one example.

An example is a text or an image (channels, height, width). `encode` stands for any function that takes a list of
texts, or a batch of images (batch, channels, height, width), and returns their vectors (batch, features); for example
`SiameseModel.encode`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..models.similarity import SIMILARITIES, matrix


Encode = Callable[[Any], torch.Tensor]

# Standard errors on either side of a mean that make an interval of 95 %.
NORMAL_95 = 1.96


class OneShotVerifier:
    """
    Knows identities by one example each: tells whether an example is of an identity, and of which it is.

    Args:
        encode: From several texts or images to their vectors (batch, features).
        similarity: `"cosine"`, `"dot"`, `"euclidean"` or `"manhattan"`, see `models.similarity`.
        threshold: The similarity from which on two examples count as of one identity; in the similarity's own scale,
            negative for `"euclidean"`. `None`: [`verify`] cannot answer, and [`identify`] always names the nearest.

    Raises:
        ValueError: `similarity` is none of the four.

    Example:
        verifier = OneShotVerifier(model.encode, "cosine", threshold=0.8)
        verifier.enrol("opening hours", "When do you open?")
        verifier.identify("What time do you open on Mondays?")
    """

    def __init__(self, encode: Encode, similarity: str = "cosine", threshold: float | None = None) -> None:
        _check_similarity(similarity)
        self.encode, self.similarity, self.threshold = encode, similarity, threshold
        self._vectors: dict[Hashable, torch.Tensor] = {}

    @classmethod
    def from_model(cls, model: Any, **options: Any) -> OneShotVerifier:
        """
        A verifier by a `SiameseModel`'s `encode`, `config.similarity` and `config.threshold`.

        Args:
            model: The model.
            options: What `model.encode` wants besides the examples, such as a text model's `tokenizer`.
        """
        encode = partial(model.encode, **options) if options else model.encode
        return cls(encode, model.config.similarity, model.config.threshold)

    @property
    def identities(self) -> list[Hashable]:
        """Who is enrolled, in that order."""
        return list(self._vectors)

    def enrol(self, identity: Hashable, example: Any) -> None:
        """
        Remember an identity by its one example.

        Raises:
            ValueError: `identity` is enrolled already, or what `encode` returns is not one vector of finite numbers,
                as long as the others.
        """
        if identity in self._vectors:
            raise ValueError(f"`identity` is {identity!r}, which is enrolled already; it must be a new one.")
        vector = self._encode_one(example)
        for other in self._vectors.values():
            if other.shape != vector.shape:
                raise ValueError(
                    f"`encode` returned {vector.shape[1]} features; it must be {other.shape[1]}, as of the identities "
                    "that are enrolled."
                )
        self._vectors[identity] = vector

    def score(self, identity: Hashable, example: Any) -> float:
        """
        The similarity of an example to that of an identity.

        Raises:
            ValueError: `identity` is not enrolled.
        """
        if identity not in self._vectors:
            raise ValueError(f"`identity` is {identity!r}, which is not enrolled; it may be one of {self.identities}.")
        return matrix(self._encode_one(example), self._vectors[identity], self.similarity).item()

    def verify(self, identity: Hashable, example: Any) -> bool:
        """
        Whether an example is of an identity: whether their similarity is at least the threshold.

        Raises:
            ValueError: `identity` is not enrolled, or there is no threshold.
        """
        if self.threshold is None:
            raise ValueError("`threshold` is None; it must be a number for `verify` to decide by.")
        return self.score(identity, example) >= self.threshold

    def identify(self, example: Any) -> tuple[Hashable, float] | None:
        """
        The identity that an example is most similar to (the first enrolled of equals) and the similarity; `None` if
        that is below the threshold.

        Raises:
            ValueError: nobody is enrolled.
        """
        if not self._vectors:
            raise ValueError("`identify` has nobody to choose from; `enrol` an identity first.")
        scores = matrix(self._encode_one(example), torch.cat(list(self._vectors.values())), self.similarity)[0]
        best = int(scores.argmax())
        score = scores[best].item()
        if self.threshold is not None and score < self.threshold:
            return None
        return self.identities[best], score

    def _encode_one(self, example: Any) -> torch.Tensor:
        return _encode_all(self.encode, [example])


@dataclass(frozen=True)
class FewShotAccuracy:
    """
    The mean accuracy of `episodes` episodes.

    Attributes:
        accuracy: A share from 0 to 1; chance is 1 / `ways`.
        margin: Half the width of its 95 % interval, 1.96 standard errors of the mean over the episodes. It speaks of
            the draw of the episodes, not of other classes or another training of the encoder.
        ways, shots, episodes: What was asked for.
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
    """
    How often an encoder's most similar example is of the right class, among classes that it need not have seen
    (Vinyals et al. 2016, https://arxiv.org/abs/1606.04080).

    An episode draws `ways` classes, and of each `shots` examples to know it by and one other to ask about; the answer
    is the class of the most similar known example. Among equals the first counts, so that an encoder which tells
    nothing apart gets exactly 1 / `ways`.

    Args:
        encode: From several texts or images to their vectors (batch, features). Called once, with all of them.
        examples_by_class: At least `ways` classes of at least `shots` + 1 examples.
        ways: Classes of an episode, at least 2.
        shots: Known examples of a class, at least 1.
        episodes: At least 2.
        similarity: Of two vectors, see `models.similarity`.
        seed: Of the draw of the episodes.

    Raises:
        ValueError: for a number below its least, too few classes, or a class with too few examples.
    """
    _check_similarity(similarity)
    for name, value, least in (("ways", ways, 2), ("shots", shots, 1), ("episodes", episodes, 2)):
        if value < least:
            raise ValueError(f"`{name}` is {value}; it must be at least {least}.")
    sizes = _class_sizes(examples_by_class, ways, shots)
    vectors = _encode_all(encode, [example for examples in examples_by_class.values() for example in examples])
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
    """
    [`n_way_k_shot`] without an encoder, by the Euclidean distance of the images' pixels: what an encoder has to beat.
    With the same `seed` the episodes are the same.
    """
    return n_way_k_shot(_pixels, examples_by_class, ways, shots, episodes, "euclidean", seed)


def _pixels(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1).float()


def _check_similarity(similarity: str) -> None:
    if similarity not in SIMILARITIES:
        raise ValueError(f"`similarity` is {similarity!r}; it may be one of {', '.join(map(repr, SIMILARITIES))}.")


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


@torch.no_grad()
def _encode_all(encode: Encode, examples: list[Any]) -> torch.Tensor:
    vectors = encode(_batch(examples)).cpu()
    if vectors.dim() != 2 or len(vectors) != len(examples):
        raise ValueError(
            f"`encode` returned shape {tuple(vectors.shape)} for {len(examples)} examples; it must be "
            f"({len(examples)}, features)."
        )
    if not torch.isfinite(vectors).all():
        raise ValueError("`encode` returned vectors with NaN or infinity; they must be finite.")
    return vectors


def _batch(examples: list[Any]) -> list[Any] | torch.Tensor:
    """Images as one tensor, texts as they are."""
    if not isinstance(examples[0], torch.Tensor):
        return examples
    shapes = {tuple(image.shape) for image in examples}
    if len(shapes) > 1:
        raise ValueError(f"The images have different shapes, {sorted(shapes)}; they must all have the same.")
    return torch.stack(examples)


__all__ = ["FewShotAccuracy", "OneShotVerifier", "n_way_k_shot", "pixel_nearest_neighbour"]
