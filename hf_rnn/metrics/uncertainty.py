"""How far a share that was measured on few rows may be from the true one."""

from __future__ import annotations

import math


__all__ = ["wilson_interval"]

# The quantile of the normal distribution that leaves 2.5 % on either side.
QUANTILE = 1.959963984540054


def wilson_interval(share: float, rows: int) -> tuple[float, float]:
    """Compute the 95 % interval of a share that was measured on so many rows, by the score test (Wilson 1927,
    https://doi.org/10.1080/01621459.1927.10502953); it holds on few rows, and at 0 and 1, too.

        >>> low, high = wilson_interval(0.9, 10)
        >>> round(low, 2), round(high, 2)
        (0.6, 0.98)

    Args:
        share: Such as an accuracy, from 0 to 1.
        rows: At least 1.

    Raises:
        ValueError: `share` or `rows` is out of its range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"`share`={share} must be from 0 to 1.")
    if rows < 1:
        raise ValueError(f"`rows`={rows} must be at least 1.")
    square = QUANTILE**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = QUANTILE * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2)) / (1 + square / rows)
    return max(0.0, middle - half), min(1.0, middle + half)
