"""How far forecasts are from what came: summed up batch by batch, whatever the number of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


__all__ = ["SeriesErrors"]


class SeriesErrors:
    """The mean squared and absolute errors of forecasts, of values that are scaled by the training rows, as papers
    give them (Zhou et al. 2021, Zeng et al. 2023), and in the units of the data.

        mse = Σ ((y − ŷ) / std)² / n,   mae = Σ |y − ŷ| / std / n

    Args:
        stds: Of each channel in the training rows.
        quantiles: The levels that are predicted, rising; none: there are none.

    Example:
        >>> errors = SeriesErrors(stds=[2.0])
        >>> errors.add(np.zeros((1, 2, 1)), np.ones((1, 2, 1)))
        >>> errors.figures()
        {'mse': 0.25, 'mae': 0.5, 'mse_in_units': 1.0, 'mae_in_units': 1.0}
    """

    def __init__(self, stds: Sequence[float], quantiles: Sequence[float] | None = None) -> None:
        self.stds = np.asarray(stds, dtype=np.float64)
        self.levels = np.asarray(quantiles or (), dtype=np.float64)
        self.count = 0
        self.sums = dict.fromkeys(("mse", "mae", "mse_in_units", "mae_in_units", "pinball", "coverage"), 0.0)

    def add(self, predicted: np.ndarray, targets: np.ndarray, quantiles: np.ndarray | None = None) -> None:
        """Count more windows.

        Args:
            predicted, targets: (windows, steps, channels) in the units of the data; targets that are NaN do not count.
            quantiles: (windows, steps, channels, levels), where there are any.
        """
        counted = ~np.isnan(targets)
        errors = np.where(counted, targets - predicted, 0.0).astype(np.float64)
        scaled = errors / self.stds
        self.count += int(counted.sum())
        self.sums["mse"] += float((scaled**2).sum())
        self.sums["mae"] += float(np.abs(scaled).sum())
        self.sums["mse_in_units"] += float((errors**2).sum())
        self.sums["mae_in_units"] += float(np.abs(errors).sum())
        if quantiles is not None:
            missed = np.where(counted, targets, 0.0)[..., None] - np.where(counted[..., None], quantiles, 0.0)
            missed = missed / self.stds[:, None]
            pinball = np.maximum(self.levels * missed, (self.levels - 1) * missed)
            self.sums["pinball"] += float(pinball.mean(-1).sum())
            inside = (targets >= quantiles[..., 0]) & (targets <= quantiles[..., -1])
            self.sums["coverage"] += float((inside & counted).sum())

    def figures(self) -> dict[str, float]:
        """`mse`, `mae`, `mse_in_units`, `mae_in_units`; with quantiles also `pinball`, the mean over them of the
        scaled loss, and `coverage`, the share of the targets between the lowest and the highest.

        Raises:
            ValueError: no target was counted.
        """
        if not self.count:
            raise ValueError("No window has a target: the part of the series has no values to compare with.")
        names = [name for name in self.sums if len(self.levels) or name not in ("pinball", "coverage")]
        return {name: self.sums[name] / self.count for name in names}
