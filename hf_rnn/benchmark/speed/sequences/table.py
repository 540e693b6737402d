"""The table of peers that are trained on pairs, or write a target."""

from __future__ import annotations

from typing import Any

from ..peers.table import EXACT, ONNX, TENSORFLOW, PeerSpec


__all__ = ["PEERS"]


OPTIONS = ("cell", "fed", "int8")


def _peer(key: str, label: str, implementation: str, **values: Any) -> PeerSpec:
    options: dict[str, Any] = {name: values.pop(name) for name in OPTIONS if name in values}
    return PeerSpec(key, label, f"{__package__}.{implementation}", options, **values)


def _ours(key: str, label: str, **values: Any) -> PeerSpec:
    return _peer(key, label, "peer_ours:OurSequences", ours=True, asked=True, **values)


def _torch(key: str, label: str, **values: Any) -> PeerSpec:
    return _peer(key, label, "peer_torch:TorchTutorial", asked=True, **values)


def _onnx(key: str, label: str, **values: Any) -> PeerSpec:
    return _peer(key, label, "peer_onnx:OnnxSequences", trained=False, asked=True, needs=ONNX, **values)


def _keras(key: str, label: str, **values: Any) -> PeerSpec:
    return _peer(key, label, "peer_keras:KerasFunctional", needs=TENSORFLOW, **values)


PEERS = (
    _ours("ours", "hf_rnn LSTM", tolerance=EXACT),
    _ours("ours-gru", "hf_rnn GRU", cell="gru"),
    _ours("ours-fed", "hf_rnn LSTM, input feeding", fed=True),
    _torch("torch", "torch.nn.LSTM, tutorial loop", tolerance=EXACT),
    _torch("torch-gru", "torch.nn.GRU, tutorial loop", cell="gru"),
    _torch("torch-fed", "torch.nn.LSTM, tutorial loop, input feeding", fed=True),
    _keras("keras", "Keras LSTM on TensorFlow, functional (padded, not exact)"),
    _keras("keras-gru", "Keras GRU on TensorFlow, functional (padded, not exact)", cell="gru"),
    _onnx("onnx", "hf_rnn LSTM in ONNX Runtime, fp32", tolerance=EXACT),
    _onnx("onnx-int8", "hf_rnn LSTM in ONNX Runtime, int8", int8=True),
    _onnx("onnx-gru", "hf_rnn GRU in ONNX Runtime, fp32", cell="gru"),
    _onnx("onnx-gru-int8", "hf_rnn GRU in ONNX Runtime, int8", cell="gru", int8=True),
)
