"""The network exported by this library, and the runtime that lies beside the graphs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..peers.base import Job
from .base import SENTENCE, WritingPeer
from .network import PADDING


class OnnxSequences(WritingPeer):
    """Two graphs, and a loop by numpy over the second.

    Args:
        cell: `lstm` or `gru`.
        fed: Each step reads the attended state of the one before it.
        int8: Weights of 8 bits, activations quantized as they come.
    """

    def __init__(self, job: Job, cell: str = "lstm", fed: bool = False, int8: bool = False) -> None:
        super().__init__(job, cell, fed)
        self.int8 = int8

    def prepare(self) -> list[Path]:
        from ....export.onnx_export import export_onnx
        from .peer_ours import common_model, word_tokenizer

        export_onnx(common_model(self.cell, self.fed), self.folder, tokenizer=word_tokenizer(), int8=self.int8)
        return sorted(self.folder.glob("*_int8.onnx" if self.int8 else "*.onnx"))

    def load(self) -> None:
        # As on a machine that has the folder alone.
        sys.path.insert(0, str(self.folder))
        runtime = importlib.import_module("runtime")
        self.search = importlib.import_module("runtime_search")
        # 0: as many as there are cores.
        self.model = runtime.load(self.folder, int8=self.int8, threads=self.job.threads or 0)
        self.writing = self.search.Writing.of(
            self.model.settings["writing"], {"num_beams": 1, "max_new_tokens": SENTENCE}
        )

    def write(self, sources: np.ndarray) -> Any:
        given = {"input_ids": sources, "attention_mask": (sources != PADDING).astype(np.int64)}
        step = self.search.decoding(self.model.sessions, given, 1)
        return self.search.write_tokens(step, len(sources), self.writing)
