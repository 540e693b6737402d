"""What comparing the ink of drawings alone reaches: the modified Hausdorff distance, and the cosine of pixels."""

from __future__ import annotations

import numpy as np


__all__ = ["ink_points", "modified_hausdorff", "pixel_cosine"]


def ink_points(ink: np.ndarray) -> np.ndarray:
    """The places of the ink, (points, 2), from their mean.

    Args:
        ink: (height, width), true or above 0 where there is ink.

    Raises:
        ValueError: there is none.
    """
    points = np.argwhere(ink).astype(np.float64)
    if not len(points):
        raise ValueError("`ink` is blank; it must have at least one pixel of ink.")
    return points - points.mean(axis=0)


def modified_hausdorff(first: np.ndarray, second: np.ndarray) -> float:
    """The modified Hausdorff distance of two sets of points:

        max(mean over a of min over b of ‖a − b‖₂, mean over b of min over a of ‖a − b‖₂)

    Dubuisson & Jain 1994 (https://doi.org/10.1109/ICPR.1994.576361), d₂₃ of their table; the demonstration that comes
    with Omniglot (Lake et al. 2015) measures so.

    Args:
        first, second: (points, dimensions), at least one of each.
    """
    from scipy.spatial import cKDTree

    to_second, _ = cKDTree(second).query(first)
    to_first, _ = cKDTree(first).query(second)
    return float(max(to_second.mean(), to_first.mean()))


def pixel_cosine(first: np.ndarray, second: np.ndarray) -> float:
    """The cosine of two pictures of ink, (height, width), as vectors of their pixels; 0 where one is blank."""
    a, b = (each.astype(np.float64).ravel() for each in (first, second))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0
