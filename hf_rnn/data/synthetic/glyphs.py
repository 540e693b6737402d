"""Images of letters of many scripts, drawn with distortions: for siamese networks over images, and one-shot learning.

A class is a letter; the three splits have different letters, of different scripts. So what a model has learnt of the
letters of training says nothing about which letters it is tested on: only how one tells letters apart. It is a small
relative of Omniglot (Lake et al. 2015, https://doi.org/10.1126/science.aab3050), printed instead of handwritten: one
typeface, DejaVu Sans, which comes with matplotlib (the `train` extra), as does Pillow, which draws it.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ...extras import require_extra


if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont


__all__ = ["SCRIPTS", "GlyphPairs", "draw", "glyph_classes", "glyph_examples"]


# The first words of the letters' Unicode names.
SCRIPTS = {
    "train": ("LATIN", "CYRILLIC", "CANADIAN SYLLABICS", "ARABIC", "COPTIC", "LISU", "OLD ITALIC"),
    "validation": ("GREEK", "ARMENIAN", "OGHAM"),
    "test": ("GEORGIAN", "HEBREW", "LAO", "NKO", "TIFINAGH"),
}
# Letters whose undistorted images have a larger cosine are one class: A and Cyrillic А, but also c and C, as every
# glyph is drawn at the same size.
SAME_GLYPH = 0.92
COMPARED_SIZE = 24

# The share of the image that the longer side of an undistorted glyph takes up.
EXTENT = 0.75
MAX_ROTATION = math.radians(15)
MAX_SHEAR = 0.2
SCALES = (0.75, 1.1)
# Shares of the image, and of the size of the font.
MAX_SHIFT = 0.08
MAX_STROKE = 0.04
MAX_NOISE = 0.15


@cache
def glyph_classes(split: str) -> tuple[str, ...]:
    """The letters of a split, in a fixed order: those of its `SCRIPTS` that the font has and that look like no earlier
    one, of whatever script, where training is earlier than validation and validation than test.

    Letters that Unicode takes apart (é), modifier letters and ligatures (ﬁ) are left out.

    Raises:
        ValueError: `split` is not one of "train", "validation" and "test".
    """
    if split not in SCRIPTS:
        raise ValueError(f"`split` is {split!r}; it may be one of {', '.join(map(repr, SCRIPTS))}.")
    return _all_classes()[split]


def draw(character: str, size: int = 28, generator: np.random.Generator | None = None) -> torch.Tensor:
    """A glyph as an image (1, size, size) of float32, 0 for paper and 1 for ink.

    Args:
        character: One character of the font.
        size: Height and width in pixels, at least 8.
        generator: Draws the distortions: rotation, shear, scale, translation, stroke width, noise. `None`: the plain
            glyph, centred, its longer side `EXTENT` of the image.

    Raises:
        ValueError: `character` is not one character that the font can draw, or `size` is too small.
        MissingExtraError: Pillow or matplotlib is not installed.
    """
    _require_drawing()
    from PIL.Image import Resampling, Transform

    if size < 8:
        raise ValueError(f"`size` is {size}; it must be at least 8 pixels.")
    stroke = 0.0 if generator is None else generator.uniform(0, MAX_STROKE)
    # Twice as large as it will be, then averaged over 2 x 2 pixels, for smooth edges.
    ink, canvas = _ink(character, 3 * size, stroke), 2 * size
    inverse = _placement(ink.size, canvas, generator)
    image = ink.transform((canvas, canvas), Transform.AFFINE, inverse, Resampling.BILINEAR).reduce(2)
    pixels = np.asarray(image, dtype=np.float32) / 255
    if generator is not None:
        noise = generator.normal(scale=generator.uniform(0, MAX_NOISE), size=pixels.shape)
        pixels = np.clip(pixels + noise, 0, 1).astype(np.float32)
    return torch.from_numpy(pixels).unsqueeze(0)


def glyph_examples(split: str, per_class: int, size: int = 28, seed: int = 0) -> dict[str, torch.Tensor]:
    """Each class's distorted images, (per_class, 1, size, size), by its letter; the same `seed` gives the same images.

    Raises:
        ValueError: see `glyph_classes` and `draw`, or `per_class` is below 1.
    """
    if per_class < 1:
        raise ValueError(f"`per_class` is {per_class}; it must be at least 1.")
    generator = np.random.default_rng(seed)
    return {
        letter: torch.stack([draw(letter, size, generator) for _ in range(per_class)])
        for letter in glyph_classes(split)
    }


class GlyphPairs(Dataset[dict[str, Any]]):
    """Pairs of distorted images, by turns of the same letter (label 1) and of two different ones (label 0).

    An item is `pixel_values` and `pixel_values_b`, both (1, size, size), and `labels`, 0.0 or 1.0. It is drawn when it
    is asked for, and depends on `seed` and its index alone.

    Args:
        split: "train", "validation" or "test".
        count: Number of pairs.
        size: Height and width of the images in pixels.
        seed: At least 0; another one, other pairs.

    Raises:
        ValueError: see `glyph_classes` and `draw`, or `count` or `seed` is below 0.
    """

    def __init__(self, split: str, count: int, size: int = 28, seed: int = 0) -> None:
        for name, value in (("count", count), ("seed", seed)):
            if value < 0:
                raise ValueError(f"`{name}` is {value}; it must be at least 0.")
        self.letters = glyph_classes(split)
        self.count, self.size, self.seed = count, size, seed

    def __len__(self) -> int:
        return self.count

    def checksum_parts(self) -> Iterator[Any]:
        """Yield what tells these pairs from others, for `rows_checksum`."""
        yield [self.letters, self.count, self.size, self.seed]

    def pair(self, index: int) -> tuple[str, str]:
        """The two letters of item `index`."""
        return self._letters(index, self._generator(index))

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = self._generator(index)
        first, second = self._letters(index, generator)
        return {
            "pixel_values": draw(first, self.size, generator),
            "pixel_values_b": draw(second, self.size, generator),
            "labels": float(first == second),
        }

    def _generator(self, index: int) -> np.random.Generator:
        if not 0 <= index < self.count:
            raise IndexError(f"`index` is {index}; there are {self.count} pairs.")
        return np.random.default_rng([self.seed, index])

    def _letters(self, index: int, generator: np.random.Generator) -> tuple[str, str]:
        first, second = generator.choice(len(self.letters), size=2, replace=False)
        return self.letters[first], self.letters[first if index % 2 == 0 else second]


def _require_drawing() -> None:
    require_extra("train", "Drawing glyphs", "pillow", "matplotlib")


@cache
def _font_path() -> str:
    import matplotlib

    return f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"


@cache
def _font(pixels: int) -> FreeTypeFont:
    from PIL import ImageFont

    # The basic layout: the same drawing whether or not Pillow was built with a library for complex scripts.
    return ImageFont.truetype(_font_path(), pixels, layout_engine=ImageFont.Layout.BASIC)


@cache
def _characters() -> frozenset[str]:
    _require_drawing()
    from matplotlib.ft2font import FT2Font

    return frozenset(map(chr, FT2Font(_font_path()).get_charmap()))


def _ink(character: str, pixels: int, stroke: float) -> Image:
    """The glyph in white, cut out one pixel beyond its edges; `pixels` is the size of the font."""
    from PIL import Image, ImageDraw

    if character not in _characters():
        raise ValueError(f"`character` is {character!r}; it must be one character of the font, {_font_path()}.")
    image = Image.new("L", (4 * pixels, 3 * pixels))
    centre = (2 * pixels, 1.5 * pixels)
    width = round(stroke * pixels)
    ImageDraw.Draw(image).text(centre, character, 255, _font(pixels), anchor="mm", stroke_width=width)
    box = image.getbbox()
    if box is None:
        raise ValueError(f"`character` is {character!r}, which is blank; it must be one that can be seen.")
    left, top, right, bottom = box
    return image.crop((left - 1, top - 1, right + 1, bottom + 1))


def _placement(ink: tuple[int, int], canvas: int, generator: np.random.Generator | None) -> tuple[float, ...]:
    """The map from a pixel of the canvas to a place in the ink: a, b, c, d, e, f of (ax + by + c, dx + ey + f)."""
    scale, shift = EXTENT * canvas / max(ink), np.zeros(2)
    turn = np.eye(2)
    if generator is not None:
        scale *= generator.uniform(*SCALES)
        shift = generator.uniform(-MAX_SHIFT, MAX_SHIFT, size=2) * canvas
        angle, shear = generator.uniform(-MAX_ROTATION, MAX_ROTATION), generator.uniform(-MAX_SHEAR, MAX_SHEAR)
        cos, sin = math.cos(angle), math.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, shear], [0, 1]])
    inverse = np.linalg.inv(scale * turn)
    offset = np.array(ink) / 2 - inverse @ (canvas / 2 + shift)
    return (*inverse[0], offset[0], *inverse[1], offset[1])


def _letters_of(script: str) -> list[str]:
    return [
        character
        for character in sorted(_characters())
        if unicodedata.category(character) in ("Lu", "Ll", "Lo")
        and unicodedata.name(character, "").startswith(f"{script} ")
        and unicodedata.normalize("NFKD", character) == character
    ]


@cache
def _all_classes() -> dict[str, tuple[str, ...]]:
    candidates = [
        (split, letter) for split, scripts in SCRIPTS.items() for script in scripts for letter in _letters_of(script)
    ]
    images = torch.stack([draw(letter, COMPARED_SIZE).flatten() for _, letter in candidates])
    images = torch.nn.functional.normalize(images, dim=1)
    alike = (images @ images.T > SAME_GLYPH).numpy()
    kept: list[int] = []
    for index in range(len(candidates)):
        if not alike[index, kept].any():
            kept.append(index)
    return {split: tuple(candidates[index][1] for index in kept if candidates[index][0] == split) for split in SCRIPTS}
