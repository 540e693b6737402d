"""Measures how well a siamese network knows classes it has never seen by one example each, beside the nearest of the
pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...data.synthetic.glyphs import glyph_examples
from ...metrics.few_shot import n_way_k_shot, pixel_nearest_neighbour
from ...models.modeling_siamese import SiameseModel


__all__ = ["EXAMPLES_PER_LETTER", "KINDS", "few_shot_figures", "figures_of"]


# (ways, shots)
KINDS = ((5, 1), (20, 1), (5, 5))
EXAMPLES_PER_LETTER = 20


def few_shot_figures(model: SiameseModel, split: str, seed: int = 0) -> dict[str, float]:
    """Measure one-shot accuracy on the letters of `split`, for each of `KINDS`.

    The figures are `accuracy_5_way_1_shot`, `margin_5_way_1_shot` (half the width of its interval of 95 %) and
    `pixels_5_way_1_shot`, the accuracy of the nearest neighbour by pixels in the same episodes. The interval is that
    of other episodes with these letters, not of other letters.

    Args:
        model: Over a `ConvEncoderModel` of grey images.
        split: See `data.glyphs`.
        seed: The seed of the images.
    """
    encoder: Any = model.config.encoder
    images: Mapping[Any, torch.Tensor] = glyph_examples(split, EXAMPLES_PER_LETTER, encoder.image_size, seed)
    return figures_of(model, images)


def figures_of(model: SiameseModel, images: Mapping[Any, torch.Tensor]) -> dict[str, float]:
    """Measure one-shot accuracy on the classes of `images`, for each of `KINDS` that they have classes and images for;
    where they are enough for none, with all classes and one shot.

    Args:
        model: As of [`few_shot_figures`], whose figures these are.
        images: Class → (images, channels, height, width), at least 2 classes of at least 2 images.
    """
    sizes = [len(own) for own in images.values()]
    kinds = [(ways, shots) for ways, shots in KINDS if ways <= len(sizes) and shots < min(sizes)]
    # Encoded once for all kinds.
    vectors = model.encode(torch.cat(list(images.values()))).split(sizes)
    by_class: Mapping[Any, torch.Tensor] = dict(zip(images, vectors, strict=True))
    figures = {}
    for ways, shots in kinds or [(len(sizes), 1)]:
        name = f"{ways}_way_{shots}_shot"
        ours = n_way_k_shot(_encoded, by_class, ways, shots, similarity=model.config.similarity)
        figures[f"accuracy_{name}"], figures[f"margin_{name}"] = ours.accuracy, ours.margin
        figures[f"pixels_{name}"] = pixel_nearest_neighbour(images, ways, shots).accuracy
    return figures


def _encoded(vectors: torch.Tensor) -> torch.Tensor:
    # The encoder of what is encoded already.
    return vectors
