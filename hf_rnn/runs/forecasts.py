"""Pictures of forecasts: what was known, what came, and what was forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..extras import require_extra


__all__ = ["FORECAST_FILE", "plot_forecast"]


FORECAST_FILE = "forecast.png"
# Channels that are drawn, of a series that has more the first ones.
MOST_CHANNELS = 6
# Of the context so many times the forecast's steps are drawn.
CONTEXT_SHOWN = 3


def plot_forecast(
    path: str | Path,
    past: np.ndarray,
    forecast: np.ndarray,
    names: Sequence[str],
    *,
    truth: np.ndarray | None = None,
    band: tuple[np.ndarray, np.ndarray] | None = None,
    band_name: str = "",
    times: Any = None,
    title: str = "",
) -> Path:
    """Draw a forecast behind its context, a panel for each channel, and write it to `path` as PNG.

    Args:
        past: (time, channels).
        forecast: (steps, channels).
        names: What the channels are called.
        truth: (steps, channels), what came; None: nobody knows.
        band: The lowest and the highest quantile, each (steps, channels).
        band_name: What the band is, such as "0.1 to 0.9".
        times: (time + steps,) of the context and the forecast; None: they are numbered, from 1 for the first forecast.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("train", "A plot of forecasts", "matplotlib")
    from matplotlib.figure import Figure

    steps, channels = len(forecast), min(MOST_CHANNELS, forecast.shape[1])
    shown = min(len(past), CONTEXT_SHOWN * steps)
    places = np.arange(1 - shown, steps + 1) if times is None else np.asarray(times)[-(shown + steps) :]
    figure = Figure(figsize=(9, 1.2 + 2.0 * channels), layout="constrained")
    panels = np.atleast_1d(figure.subplots(channels, 1, sharex=True))
    for channel, axes in enumerate(panels):
        before = past[len(past) - shown :, channel]
        axes.plot(places[:shown], before, color="black", linewidth=1, label="context")
        # What follows begins at the last known value, so that the lines meet.
        ahead, last = places[shown - 1 :] if shown else places, before[-1:]
        if truth is not None:
            axes.plot(ahead, np.concatenate([last, truth[:, channel]]), color="C0", linewidth=1.2, label="truth")
        axes.plot(ahead, np.concatenate([last, forecast[:, channel]]), color="C1", linewidth=1.4, label="forecast")
        if band is not None:
            low, high = (edge[:, channel] for edge in band)
            axes.fill_between(places[shown:], low, high, color="C1", alpha=0.25, label=band_name)
        axes.set_ylabel(names[channel].replace("$", r"\$"))
        axes.grid(alpha=0.3)
    panels[0].legend(loc="upper left", fontsize="small")
    if times is None:
        panels[-1].set_xlabel("steps ahead")
    else:
        figure.autofmt_xdate(rotation=20)
    if title:
        figure.suptitle(title, fontsize="medium")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=120)
    return path
