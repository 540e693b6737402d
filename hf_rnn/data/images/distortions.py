"""Random affine distortions of pictures, those of Koch et al. 2015."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


__all__ = ["distort"]


# Koch, Zemel & Salakhutdinov 2015, section 4.2: each of the distortions is made with this probability, and drawn
# evenly from its range. Their pictures are 105 pixels wide, of which the shift is at most 2.
PROBABILITY = 0.5
ROTATION = math.radians(10)
SHEAR = 0.3
SCALE = 0.2
SHIFT = 2 / 105


def distort(pixels: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Distort each picture by an affine map of its own: rotated by up to 10°, sheared by up to 0.3, scaled to 0.8 to
    1.2 and shifted by up to 2/105 of its width, along each axis; each of them with probability one half.

    Koch et al. 2015, "Siamese neural networks for one-shot image recognition", section 4.2. Beyond the edges a picture
    goes on as the median of its edge, channel by channel.

    Args:
        pixels: (pictures, channels, height, width), floating point.
        strength: The factor of the ranges, above 0; 1 for those of the paper.
        generator: Draws the maps.

    Returns:
        Pictures of the same shape.
    """
    count = len(pixels)

    def drawn(most: float, axes: int) -> torch.Tensor:
        values = (2 * torch.rand(count, axes, generator=generator) - 1) * most * strength
        return values * (torch.rand(count, axes, generator=generator) < PROBABILITY)

    angle, shear, scale = drawn(ROTATION, 1)[:, 0], drawn(SHEAR, 2), 1 + drawn(SCALE, 2)
    # A coordinate of the grid goes from -1 to 1, so that a share of the width is twice that.
    shift = 2 * drawn(SHIFT, 2)
    cos, sin = angle.cos(), angle.sin()
    turned = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    one = torch.ones(count)
    sheared = torch.stack([one, shear[:, 0], shear[:, 1], one], dim=1).view(-1, 2, 2)
    maps = torch.cat([turned @ sheared @ torch.diag_embed(scale), shift.unsqueeze(2)], dim=2)
    paper = _edges(pixels).median(dim=2).values[..., None, None]
    grid = functional.affine_grid(maps, list(pixels.shape), align_corners=False)
    return paper + functional.grid_sample(pixels - paper, grid, align_corners=False)


def _edges(pixels: torch.Tensor) -> torch.Tensor:
    """(pictures, channels, pixels of the edge)"""
    rows = pixels[..., [0, -1], :].flatten(2)
    return torch.cat([rows, pixels[..., [0, -1]].flatten(2)], dim=2)
