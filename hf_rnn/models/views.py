"""Views of a picture: the picture, and copies of it that are turned, sheared, scaled and shifted a little."""

import math

import torch
from torch.nn import functional

from .image_processing_conv import paper_of


__all__ = ["view_maps", "views_of"]


# At most so much of each: radians, shear along either axis, scale along either axis, shift as a share of half a side.
RANGES = (0.12, 0.2, 0.2, 0.14, 0.14, 0.06, 0.06)


def view_maps(count: int) -> torch.Tensor:
    """(count, 2, 3), an affine map of coordinates from -1 to 1 for each view.

    The first changes nothing. The others are spread evenly over `RANGES`, the same in every call, by the additive
    recurrence of Roberts 2018 (https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences/).
    """
    dimensions = len(RANGES)
    # The root above 1 of x^(d + 1) = x + 1.
    root = 1.5
    for _ in range(60):
        root = (1 + root) ** (1 / (dimensions + 1))
    maps = [affine_map()]
    for view in range(1, count):
        places = (math.fmod(0.5 + view * root ** -(place + 1), 1.0) for place in range(dimensions))
        maps.append(affine_map(*((2 * place - 1) * most for place, most in zip(places, RANGES, strict=True))))
    return torch.stack(maps)


def affine_map(
    angle: float = 0.0,
    shear_x: float = 0.0,
    shear_y: float = 0.0,
    scale_x: float = 0.0,
    scale_y: float = 0.0,
    shift_x: float = 0.0,
    shift_y: float = 0.0,
) -> torch.Tensor:
    """(2, 3), the map that scales by 1 + scale, shears, turns and then shifts."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn, shear = torch.tensor([[cos, -sin], [sin, cos]]), torch.tensor([[1.0, shear_x], [shear_y, 1.0]])
    scale = torch.diag(torch.tensor([1 + scale_x, 1 + scale_y]))
    return torch.cat([turn @ shear @ scale, torch.tensor([[shift_x], [shift_y]])], dim=1)


def views_of(pixels: torch.Tensor, count: int) -> torch.Tensor:
    """(count · batch, channels, height, width), view after view of pictures (batch, channels, height, width).

    Beyond its edges a picture goes on as the median of its edge, channel by channel.
    """
    batch = pixels.shape[0]
    maps = view_maps(count)[1:].to(pixels).repeat_interleave(batch, dim=0)
    grid = functional.affine_grid(maps, [(count - 1) * batch, *pixels.shape[1:]], align_corners=False)
    paper = paper_of(pixels)[..., None, None]
    changed = functional.grid_sample((pixels - paper).repeat(count - 1, 1, 1, 1), grid, align_corners=False)
    return torch.cat([pixels, changed + paper.repeat(count - 1, 1, 1, 1)])
