"""
Leaving torch behind: ONNX graphs of trained models, held equal to them, and a runtime for these that needs neither
torch nor transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .onnx_export import export_onnx as export_onnx

__all__ = ["export_onnx"]


def __getattr__(name: str) -> Any:
    # When it is first used: the runtime, in this room too, is imported where there is no torch.
    if name != "export_onnx":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers: {', '.join(__all__)}.")
    from .onnx_export import export_onnx

    return export_onnx
