"""Training and measuring: the Trainer, its metrics, learning curves, and the `results.json` every run ends with."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any


# Where each public name is found when it is first used.
_MODULE_OF = {
    "GradientFlow": "gradients",
    "gradient_flow": "gradients",
    "plot_gradient_flow": "gradient_plots",
}

__all__ = ["GradientFlow", "gradient_flow", "plot_gradient_flow"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")
    return getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


if TYPE_CHECKING:
    from .gradient_plots import plot_gradient_flow as plot_gradient_flow
    from .gradients import GradientFlow as GradientFlow
    from .gradients import gradient_flow as gradient_flow
