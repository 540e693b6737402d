"""Put the compiled path in place."""

from __future__ import annotations

import logging
import os

from ..models.paths import compiled_layer, provide_compiled_layer
from .build import KernelBuildError, build, library_path


logger = logging.getLogger(__name__)


def wanted() -> bool:
    """Whether the compiled path may be used: unless `HF_RNN_KERNELS` is 0."""
    return os.environ.get("HF_RNN_KERNELS", "1") != "0"


def load() -> bool:
    """Use the kernels if they have been built for this machine. Returns whether they are in use."""
    if compiled_layer() is None and wanted() and library_path().exists():
        from .binding import Library
        from .layer import CompiledLayer

        try:
            provide_compiled_layer(CompiledLayer(Library(library_path())))
        except OSError as error:
            logger.warning("The compiled kernels cannot be loaded, torch's are used instead: %s", error)
    return compiled_layer() is not None


def build_and_load() -> bool:
    """As `load`, and build them first where there is a compiler; says so if there is none."""
    if compiled_layer() is None and wanted():
        try:
            build()
        except KernelBuildError as error:
            logger.warning("%s", error)
    return load()


__all__ = ["build_and_load", "load", "wanted"]
