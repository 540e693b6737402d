"""Leaving torch behind: ONNX graphs of trained models, held equal to them, and a runtime for these that needs neither
torch nor transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazily


if TYPE_CHECKING:
    from .onnx_export import export_onnx as export_onnx
    from .runtime import load as load_onnx  # noqa: F401

# When it is first used: the runtime, in this room too, is imported where there is no torch.
__getattr__, __dir__, __all__ = lazily(__name__, {"export_onnx": ".onnx_export", "load_onnx": ".runtime:load"})
