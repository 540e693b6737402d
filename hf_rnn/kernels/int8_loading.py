"""The kernels of 8 bits, in the library that the compiled path has loaded."""

from __future__ import annotations

import functools
from pathlib import Path

from ..models.paths import compiled_layer
from .build import library_path
from .int8_binding import Int8Library
from .layer import CompiledLayer


__all__ = ["int8_library"]


def int8_library() -> Int8Library | None:
    """The kernels where the compiled path is in use (`loading.load`), else None."""
    return _opened(library_path()) if isinstance(compiled_layer(), CompiledLayer) else None


@functools.cache
def _opened(path: Path) -> Int8Library:
    return Int8Library(path)
