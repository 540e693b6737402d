"""One-shot learning with an encoder that was trained for similarity: classes it has never seen, known by one example.

An example is a text or an image (channels, height, width). `encode` stands for any function that takes a list of
texts, or a batch of images (batch, channels, height, width), and returns their vectors (batch, features); for example
`SiameseModel.encode`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..data.images.folders import open_picture
from ..models.similarity import SIMILARITIES, matrix


__all__ = [
    "OneShotVerifier",
]


Encode = Callable[[Any], torch.Tensor]


class OneShotVerifier:
    """Knows identities by one example each: tells whether an example is of an identity, and of which it is.

    Args:
        encode: The function from several texts or images to their vectors (batch, features).
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
        check_similarity(similarity)
        self.encode, self.similarity, self.threshold = encode, similarity, threshold
        self._vectors: dict[Hashable, torch.Tensor] = {}

    @classmethod
    def from_model(cls, model: Any, processor: Any = None, **options: Any) -> OneShotVerifier:
        """A verifier by a `SiameseModel`'s `encode`, `config.similarity` and `config.threshold`.

        Args:
            model: The model.
            processor: The image processor of a model of images, as `AutoImageProcessor` loads it. With it an example
                is the path of a picture, a picture of Pillow, or pixels as the processor takes them.
            options: What `model.encode` wants besides the examples, such as a text model's `tokenizer`.
        """
        encode = partial(model.encode, **options) if options else model.encode
        if processor is not None:
            encode = _encode_pictures(encode, processor)
        return cls(encode, model.config.similarity, model.config.threshold)

    @property
    def identities(self) -> list[Hashable]:
        """The names of those who are enrolled, in the order of their enrolment."""
        return list(self._vectors)

    def enrol(self, identity: Hashable, example: Any) -> None:
        """Remember an identity by its one example.

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
        """The similarity of an example to that of an identity.

        Raises:
            ValueError: `identity` is not enrolled.
        """
        if identity not in self._vectors:
            raise ValueError(f"`identity` is {identity!r}, which is not enrolled; it may be one of {self.identities}.")
        return matrix(self._encode_one(example), self._vectors[identity], self.similarity).item()

    def verify(self, identity: Hashable, example: Any) -> bool:
        """Whether an example is of an identity: whether their similarity is at least the threshold.

        Raises:
            ValueError: `identity` is not enrolled, or there is no threshold.
        """
        if self.threshold is None:
            raise ValueError("`threshold` is None; it must be a number for `verify` to decide by.")
        return self.score(identity, example) >= self.threshold

    def identify(self, example: Any) -> tuple[Hashable, float] | None:
        """The identity that an example is most similar to (the first enrolled of equals) and the similarity; `None` if
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
        return encode_all(self.encode, [example])


def _encode_pictures(encode: Encode, processor: Any) -> Encode:
    """An encoder of pictures: of paths, of Pillow, or of what `processor` takes."""

    def encode_pictures(examples: Any) -> torch.Tensor:
        opened = [open_picture(one) if isinstance(one, str | Path) else one for one in examples]
        return encode(processor(opened)["pixel_values"])

    return encode_pictures


def check_similarity(similarity: str) -> None:
    if similarity not in SIMILARITIES:
        raise ValueError(f"`similarity` is {similarity!r}; it may be one of {', '.join(map(repr, SIMILARITIES))}.")


@torch.no_grad()
def encode_all(encode: Encode, examples: list[Any]) -> torch.Tensor:
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
