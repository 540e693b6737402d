"""Put the compiled path in place."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..models.paths import compiled_layer, provide_compiled_layer
from ..models.token_reader import provide_token_reader
from .build import WITHOUT, KernelBuildError, build, library_path
from .stored import ABSENT, fault_of, missing_instruction


if TYPE_CHECKING:
    from .network_binding import NetworkLibrary


__all__ = ["build_and_load", "load", "network_library", "of_use_to", "wanted"]


logger = logging.getLogger(__name__)

# Whether this process has tried to build the kernels in vain: then it does not try again.
_in_vain = False
# Whether this process has said why it does without them: it says so once.
_told = False


def wanted() -> bool:
    """Whether the compiled path may be used: unless `HF_RNN_KERNELS` is 0."""
    return os.environ.get("HF_RNN_KERNELS", "1") != "0"


def load() -> bool:
    """Use the kernels if they have been built for this machine, whole and by this user or root. What is there and is
    not used is told in one line, once in a process.

    Returns:
        Whether they are in use.
    """
    if compiled_layer() is None and wanted():
        path = library_path()
        fault = fault_of(path)
        if fault is None:
            fault = _use(path)
        if fault not in (None, ABSENT):
            _tell(
                f"The compiled kernels are not used: {path} {fault}. Remove it, or let HF_RNN_CACHE name another "
                f"folder, and they are built anew. Until then {WITHOUT}"
            )
    return compiled_layer() is not None


def _use(path: Path) -> str | None:
    """Make the library the compiled path; what prevents that, to be read after its name, or None."""
    from .binding import Library
    from .layer import CompiledLayer
    from .tokens import make_reader

    try:
        missing = missing_instruction(path)
        if missing is not None:
            return f"needs the instructions {missing}, which this processor does not have"
        provide_compiled_layer(CompiledLayer(Library(path)))
        provide_token_reader(functools.partial(make_reader, _network_library()))
    except OSError as error:
        return f"cannot be loaded: {error}"
    return None


def build_and_load() -> bool:
    """Build the kernels where there is a compiler, then `load` them; a process warns once if they cannot be built."""
    global _in_vain
    if compiled_layer() is None and wanted() and not _in_vain:
        try:
            build()
        except KernelBuildError as error:
            _in_vain = True
            _tell(f"{error}")
    return load()


def _tell(message: str) -> None:
    global _told
    # Of the processes that were started together on a machine the first speaks.
    if not _told and os.environ.get("LOCAL_RANK", "0") == "0":
        logger.warning("%s", message)
    _told = True


def network_library() -> NetworkLibrary | None:
    """The functions for one text at a time, where the kernels are in use; None: they are not."""
    return _network_library() if load() else None


@functools.cache
def _network_library() -> NetworkLibrary:
    from .network_binding import NetworkLibrary

    return NetworkLibrary(library_path())


def of_use_to(model: nn.Module) -> bool:
    """Whether the kernels compute a layer of `model`: a recurrent one, on the CPU, in float32, float64 or bfloat16."""
    from ..models.cell import Cell
    from .binding import DTYPES, KINDS
    from .scan_binding import SCANS

    readable = {**dict.fromkeys(KINDS, (*DTYPES, torch.bfloat16)), **dict.fromkeys(SCANS, DTYPES)}
    cells = (module for module in model.modules() if isinstance(module, Cell))
    return any(
        all(one.device.type == "cpu" and one.dtype in readable.get(str(cell.kernel), ()) for one in cell.parameters())
        for cell in cells
    )
