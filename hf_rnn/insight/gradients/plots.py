"""Gradient flow as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...extras import require_extra
from .flow import GradientFlow


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["draw_gradient_flow", "plot_gradient_comparison", "plot_gradient_flow", "save"]


HIGHEST_LOSS = 100.0


def plot_gradient_flow(flows: Mapping[str, GradientFlow], path: str | Path) -> Path:
    """Draw ‖∂L/∂h_t‖ by t, on a logarithmic scale, and write it to `path` as PNG: a line for each model, a panel for
    each layer. The backward direction is dashed; for an LSTM ‖∂L/∂c_t‖ is dotted.

    Neither a display nor pyplot is used: the backend of the calling program stays as it is.

    Args:
        flows: What `gradient_flow` returned, by the model's name.
        path: Where the picture goes; missing folders are made.

    Raises:
        ValueError: `flows` is empty.
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("train", "A plot of gradient flow", "matplotlib")
    from matplotlib.figure import Figure

    if not flows:
        raise ValueError("`flows` is empty; it must hold at least one model's gradient flow.")
    num_layers = max(len(flow.hidden) for flow in flows.values())
    figure = Figure(figsize=(1 + 4.5 * num_layers, 3.6), layout="constrained")
    panels = figure.subplots(1, num_layers, sharey=True, squeeze=False)[0]
    for layer, axes in enumerate(panels):
        draw_gradient_flow(axes, flows, layer)
        axes.set_title(f"layer {layer + 1}" if num_layers > 1 else "")
        axes.legend(fontsize="small")
    return save(figure, path)


def draw_gradient_flow(axes: Axes, flows: Mapping[str, GradientFlow], layer: int = 0) -> None:
    """The lines of `layer` on `axes`; a model keeps its colour in every panel, also where it has no such layer."""
    for number, (name, flow) in enumerate(flows.items()):
        if layer >= len(flow.hidden):
            continue
        color = f"C{number}"
        steps = range(1, flow.hidden.shape[3] + 1)
        for direction, norms in enumerate(flow.hidden_mean[layer]):
            label = f"{name}, backward" if direction else name
            axes.plot(steps, _visible(norms), label=label, color=color, linestyle=("-", "--")[direction])
        if flow.cell_mean is not None:
            # One entry in the legend for both directions.
            axes.plot(steps, _visible(flow.cell_mean[layer].T), color=color, linestyle=":")
            axes.plot([], [], color=color, linestyle=":", label=f"{name}, $c_t$")
    axes.set_yscale("log")
    axes.set_xlabel("step $t$")
    axes.set_ylabel(r"$\Vert\partial L/\partial h_t\Vert$")
    axes.grid(alpha=0.3)


def plot_gradient_comparison(
    document: Mapping[str, Any], flows: Mapping[str, Mapping[str, GradientFlow]], path: str | Path
) -> Path:
    """Draw above the gradient flow of untrained and trained networks, and below the loss and the gradient's norm while
    they were trained.

    Args:
        document: What `benchmark.gradient_flow.compare_gradient_flow` writes.
        flows: The networks' gradient flow before training, after it with clipping, and after it without.
        path: Where the picture goes, a PNG; missing folders are made.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("train", "A plot of gradient flow", "matplotlib")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 7.5), layout="constrained")
    above, below = figure.subplots(2, 3)
    titles = ("untrained", "trained, clipped", "trained, not clipped")
    for axes, title, of_networks in zip(above, titles, flows.values(), strict=True):
        draw_gradient_flow(axes, of_networks)
        axes.set_title(f"gradient flow, {title}")
    above[0].legend(fontsize="small")
    for axes, run, style in ((below[1], "clipped", "-"), (below[2], "unclipped", "--")):
        for number, (name, network) in enumerate(document["networks"].items()):
            color, diverged = f"C{number}", network[run]["diverged_at_step"]
            _draw_steps(below[0], network[run]["loss"], color, style, f"{name}, {run}")
            _draw_steps(axes, network[run]["gradient_norm"], color, "-", name)
            if diverged is not None:
                axes.axvline(diverged, color=color, linestyle=":", label=f"{name}: overflow")
        axes.set_title(f"norm of the gradient in training, {run}")
    below[1].axhline(document["arguments"]["max_grad_norm"], color="black", linewidth=1, label="clipped to")
    below[0].set_title("training loss")
    for axes in below:
        axes.set(xlabel="training step", yscale="log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    # A loss on its way to infinity leaves the picture; it would press the others to the ground.
    below[0].set_ylim(top=min(below[0].get_ylim()[1], HIGHEST_LOSS))
    return save(figure, path)


def _draw_steps(axes: Axes, values: Sequence[float | None], color: str, style: str, label: str) -> None:
    shown = _visible(torch.tensor([math.nan if value is None else value for value in values], dtype=torch.float64))
    axes.plot(range(1, len(shown) + 1), shown, style, color=color, label=label, linewidth=0.8)


def _visible(values: torch.Tensor) -> torch.Tensor:
    # A logarithm shows neither zero nor infinity: the line has a gap there.
    return values.masked_fill((values == 0) | values.isinf(), math.nan)


def save(figure: Figure, path: str | Path) -> Path:
    """Write `figure` as PNG, without the version of matplotlib, so that equal pictures are equal files."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=100, metadata={"Software": None})
    return path
