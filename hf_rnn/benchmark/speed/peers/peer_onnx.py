"""The network in ONNX Runtime, in float32 and with int8 weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..texts import Text, pad
from .base import AskedPeer, Job


class OnnxLstm(AskedPeer):
    """Exported from the packed `torch.nn.LSTM` network, whose LSTM operators take the lengths: exact for padded
    batches.

    Args:
        int8: Weights of 8 bits, activations quantized as they come (`quantize_dynamic`).
    """

    buckets = True

    def __init__(self, job: Job, int8: bool = False) -> None:
        super().__init__(job)
        self.int8 = int8

    @property
    def _path(self) -> Path:
        return self.folder / "model.onnx"

    def prepare(self) -> list[Path]:
        import torch

        from .peer_torch import common_network

        self.folder.mkdir(parents=True)
        example = (torch.ones(2, 3, dtype=torch.long), torch.tensor([3, 2]))
        # The newer exporter (`dynamo=True`) cannot follow packed sequences.
        torch.onnx.export(
            common_network(packed=True),
            example,
            str(self._path),
            dynamo=False,
            input_names=["ids", "lengths"],
            output_names=["logits"],
            dynamic_axes={"ids": {0: "batch", 1: "time"}, "lengths": {0: "batch"}, "logits": {0: "batch"}},
        )
        if self.int8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(self._path, self._path, weight_type=QuantType.QInt8)
        return [self._path]

    def load(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # 0: as many as there are cores.
        options.intra_op_num_threads = self.job.threads or 0
        self.session = onnxruntime.InferenceSession(
            str(self._path), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        return {"ids": pad(texts), "lengths": np.array([len(text.ids) for text in texts])}

    def answer(self, inputs: Any) -> np.ndarray:
        logits: np.ndarray = self.session.run(None, inputs)[0]
        return logits
