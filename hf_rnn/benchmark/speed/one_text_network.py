"""The network of this benchmark for one short text: packed, as the package's model, and by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...kernels.loading import network_library
from ...kernels.packing import pack
from ..document import ONE_THREAD
from ..one_text import has_onnx
from .network import VOCABULARY, common_weights
from .peers.base import Job
from .peers.peer_onnx import OnnxLstm
from .peers.peer_ours import OurNetwork, our_name
from .texts import Text


LENGTHS = (16, 50)


def network_ways(folder: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """Number of tokens → the ways of computing a text of so many, those that there are of "fast", "onnx" and
    "modules".

    Args:
        folder: Where the graph is written.
    """
    ours = OurNetwork(_job("ours", folder))
    ours.model = ours.build().eval()
    weights = common_weights("lstm").items()
    ours.model.load_state_dict({our_name(name): torch.from_numpy(weight) for name, weight in weights})
    library = network_library()
    onnx = OnnxLstm(_job("onnx", folder)) if has_onnx() else None
    if onnx is not None:
        onnx.prepare()
        onnx.load()
    found: dict[str, dict[str, Callable[[], Any]]] = {}
    for length in LENGTHS:
        ids = np.random.default_rng(0).integers(1, VOCABULARY, length)
        text = [Text(ids, "", 0)]
        ways = found.setdefault(str(length), {})
        if library is not None:
            ways["fast"] = partial(pack(ours.model, library).pool, ids.tolist())
        if onnx is not None:
            ways["onnx"] = partial(onnx.answer, onnx.inputs(text, length))
        ways["modules"] = partial(ours.answer, ours.inputs(text, length))
    return found


def _job(key: str, folder: Path) -> Job:
    return Job(key, "", {}, "answer", str(folder), 1, ONE_THREAD)
