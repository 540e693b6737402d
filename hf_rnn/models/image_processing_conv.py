"""The image processor of a siamese network over images: any picture to the pixels that its encoder reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature


__all__ = ["ConvImageProcessor"]


# The tag of EXIF that says how a camera was held, and what turns the picture upright: numbers of Pillow's `Transpose`.
ORIENTATION = 0x0112
UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
# The parts of red, green and blue in a grey value: ITU-R BT.601, as Pillow's `convert("L")` takes them.
LUMINANCE = (0.299, 0.587, 0.114)
WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
# Pillow's modes of 16 bits a pixel; those of 32 bits say nothing of where white is.
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
DEEPEST = ("I", "F")
# Trimming: what differs from the paper by this much is drawn; the square has at least this share of the picture's
# longer side, lest a dot fill it, and this share of itself is left as a margin on each side.
DRAWN = 0.25
LEAST_SIDE = 0.25
MARGIN = 0.125


class ConvImageProcessor(BaseImageProcessor):
    """Pictures of any size and kind to (images, channels, height, width), as a `ConvEncoderModel` reads them.

    A picture is turned upright as its EXIF says; what is transparent is laid on white; 16 bits become shades from 0 to
    1 as 8 bits do; then it is made grey (BT.601) or RGB, trimmed if so wished, stretched to `size` (bilinear, with
    antialiasing), and of each channel `image_mean` is subtracted and the rest divided by `image_std`.

    Args:
        size: `{"height": …, "width": …}` in pixels.
        num_channels: 1 for grey, 3 for colour.
        image_mean, image_std: Of each channel, where black is 0 and white 1; one number counts for all.
        trim: Whether a drawing is cut out of the plain paper around it, as a square with some paper on each side, so
            that it does not matter where on the paper it is, and how large.

    Example:
        >>> processor = ConvImageProcessor(size={"height": 28, "width": 28})
        >>> processor(torch.zeros(3, 40, 30, dtype=torch.uint8))["pixel_values"].shape
        torch.Size([1, 1, 28, 28])

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    model_input_names = ["pixel_values"]
    _auto_class = "AutoImageProcessor"

    def __init__(
        self,
        size: dict[str, int] | None = None,
        num_channels: int = 1,
        image_mean: float | Sequence[float] = 0.0,
        image_std: float | Sequence[float] = 1.0,
        trim: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = {"height": 28, "width": 28} if size is None else dict(size)
        if set(self.size) != {"height", "width"} or not all(_is_positive(side) for side in self.size.values()):
            raise ValueError(f"`size` is {size}; it must have a height and a width, whole numbers of at least 1.")
        if num_channels not in (1, 3):
            raise ValueError(f"`num_channels` is {num_channels}; it must be 1, for grey, or 3, for colour.")
        self.num_channels = num_channels
        self.image_mean = _of_channels("image_mean", image_mean, num_channels)
        self.image_std = _of_channels("image_std", image_std, num_channels)
        if min(self.image_std) <= 0:
            raise ValueError(f"`image_std` is {image_std}; it must be above 0.")
        if not isinstance(trim, bool):
            raise ValueError(f"`trim` is {trim!r}; it must be True or False.")
        self.trim = trim

    def __call__(  # type: ignore[override]
        self, images: Any, return_tensors: str | None = "pt", **kwargs: Any
    ) -> BatchFeature:
        """Args:
            images: A picture or a list of them: of Pillow; an array or a tensor (height, width), (channels, height,
                width) or (height, width, channels) of one, three or four channels, uint8 or floating point from 0 to
                1; or a tensor (images, channels, height, width).
            return_tensors: `"pt"`, or None for a list of tensors.

        Returns:
            `pixel_values`, (images, channels, height, width) in float32.

        Raises:
            ValueError: there is no picture, one is none of these, or an argument is unknown; the message says which.
        """
        if kwargs:
            raise ValueError(f"`{min(kwargs)}` was given; {type(self).__name__} takes `images` and `return_tensors`.")
        if return_tensors not in ("pt", None):
            raise ValueError(f"`return_tensors`={return_tensors!r} must be 'pt' or None.")
        several = isinstance(images, list | tuple) or getattr(images, "ndim", 0) == 4
        pictures = list(images) if several else [images]
        if not pictures:
            raise ValueError("`images` is empty; it must hold at least one picture.")
        pixels = [self.normalized(self.pixels(picture)) for picture in pictures]
        return BatchFeature({"pixel_values": torch.stack(pixels) if return_tensors == "pt" else pixels})

    preprocess = __call__

    def pixels(self, picture: Any) -> torch.Tensor:
        """(channels, height, width) of one picture in float32, from 0 (black) to 1 (white), not yet normalised."""
        shades = (
            _of_pillow(picture) if hasattr(picture, "mode") and hasattr(picture, "convert") else _of_array(picture)
        )
        if len(shades) in (2, 4):
            alpha = shades[-1:]
            shades = shades[:-1] * alpha + (1 - alpha)
        if len(shades) == 3 and self.num_channels == 1:
            shades = (shades * torch.tensor(LUMINANCE).view(3, 1, 1)).sum(0, keepdim=True)
        shades = shades.expand(self.num_channels, -1, -1)
        shades = _trimmed(shades) if self.trim else shades
        wanted = (self.size["height"], self.size["width"])
        if tuple(shades.shape[1:]) != wanted:
            shades = functional.interpolate(shades[None], wanted, mode="bilinear", antialias=True)[0]
        return shades.contiguous().clamp(0, 1)

    def normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Subtract the mean and divide by the deviation of each channel; (…, channels, height, width)."""
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.image_mean, self.image_std))
        return (pixels - mean) / std


def _of_pillow(picture: Any) -> torch.Tensor:
    """(channels, height, width) of 1, 2 (with alpha), 3 or 4 channels, from 0 to 1."""
    exif = picture.getexif() if hasattr(picture, "getexif") else {}
    turn = UPRIGHT.get(exif.get(ORIENTATION, 1))
    if turn is not None:
        picture = picture.transpose(turn)
    if picture.mode in DEEPEST:
        raise ValueError(
            f"`images` has a picture of the mode {picture.mode!r}, of 32 bits a pixel, which does not say where white "
            "is; it must have 8 or 16 bits: convert it first."
        )
    if picture.mode in DEEP:
        big = picture.mode.endswith("B")
        raw = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(picture.height, picture.width, 2)
        high, low = (raw[..., 0], raw[..., 1]) if big else (raw[..., 1], raw[..., 0])
        return (high.float() * 256 + low.float())[None] / 65535
    transparent = picture.mode in WITH_ALPHA or "transparency" in picture.info
    grey = picture.mode in ("1", "L", "LA", "La")
    mode = ("LA" if transparent else "L") if grey else ("RGBA" if transparent else "RGB")
    picture = picture if picture.mode == mode else picture.convert(mode)
    raw = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return raw.view(picture.height, picture.width, len(mode)).permute(2, 0, 1).float() / 255


def _of_array(picture: Any) -> torch.Tensor:
    try:
        shades = torch.as_tensor(picture)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"`images` has a {type(picture).__name__}; it must hold pictures of Pillow, arrays or tensors."
        ) from error
    shades = shades[None] if shades.dim() == 2 else shades
    if shades.dim() == 3 and shades.shape[0] not in (1, 3, 4) and shades.shape[-1] in (1, 3, 4):
        shades = shades.permute(2, 0, 1)
    if shades.dim() != 3 or shades.shape[0] not in (1, 3, 4) or not shades.numel():
        raise ValueError(
            f"`images` has an array of shape {tuple(shades.shape)}; it must be (height, width), (channels, height, "
            "width) or (height, width, channels), of one, three or four channels."
        )
    if shades.dtype == torch.uint8:
        return shades.float() / 255
    if not shades.is_floating_point() or not bool(((shades >= 0) & (shades <= 1)).all()):
        raise ValueError(
            f"`images` has an array of {shades.dtype} with values that are not shades; it must be uint8, or floating "
            "point from 0 to 1."
        )
    return shades.float()


def paper_of(pixels: torch.Tensor) -> torch.Tensor:
    """(…, channels), the shade of the paper: the median of the edge of pictures (…, channels, height, width)."""
    rows, columns = pixels[..., [0, -1], :].flatten(-2), pixels[..., [0, -1]].flatten(-2)
    return torch.cat([rows, columns], dim=-1).median(dim=-1).values


def _trimmed(shades: torch.Tensor) -> torch.Tensor:
    """(channels, side, side), the square around what is drawn; (channels, height, width) as it is, if nothing is."""
    paper = paper_of(shades)[:, None, None]
    drawn = ((shades - paper).abs() > DRAWN).any(0)
    rows, columns = drawn.any(1).nonzero()[:, 0], drawn.any(0).nonzero()[:, 0]
    if not len(rows):
        return shades
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    side = max(bottom - top, right - left, round(LEAST_SIDE * max(drawn.shape)))
    side += 2 * math.ceil(MARGIN * side)
    # A negative number of rows to add takes so many away.
    above, before = (side - bottom + top) // 2 - top, (side - right + left) // 2 - left
    height, width = drawn.shape
    around = (before, side - before - width, above, side - above - height)
    return functional.pad(shades - paper, around) + paper


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _of_channels(name: str, value: float | Sequence[float], channels: int) -> list[float]:
    values = [float(one) for one in value] if isinstance(value, list | tuple) else [float(value)] * channels  # type: ignore[arg-type]
    if len(values) != channels or not all(map(math.isfinite, values)):
        raise ValueError(f"`{name}` is {value}; it must be a finite number, or one for each of {channels} channels.")
    return values
