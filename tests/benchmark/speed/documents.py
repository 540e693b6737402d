"""Figures that were never measured, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from hf_rnn.benchmark.document import Document, describe_origin
from hf_rnn.benchmark.speed.measuring import QUICK
from hf_rnn.benchmark.speed.peers.table import PeerSpec
from hf_rnn.benchmark.speed.report import build_document


PEERS = (
    PeerSpec("ours", "Ours", "peer_ours:OurNetwork", ours=True, asked=True, tolerance=1e-4, curves=True),
    PeerSpec("keras", "Theirs", "peer_keras:KerasLstm", asked=True, tolerance=1e-4),
    PeerSpec("minilm", "A BERT", "peer_minilm:MiniLm", trained=False, asked=True, curves=True, max_tokens=512),
    PeerSpec("gone", "Not there", "x:Y", needs=("no_such_module",), asked=True),
)
ABSENT = {"gone": {"reason": "not installed: no_such_module", "install": "pip install no_such_module"}}
DATASET = {
    "name": "imdb",
    "source": "a file",
    "texts": 100,
    "max_tokens": 256,
    "mean_tokens": 190.0,
    "median_tokens": 200.0,
    "fitted_texts": 10,
    "tokenizer": "word-level",
}
RATES = [
    {"fp32": {"torch.mm": 90.0, "oneDNN": 200.0}, "bf16": {"torch.mm": 400.0, "oneDNN": 390.0}},
    {"fp32": {"torch.mm": 95.0, "oneDNN": 190.0}, "bf16": {"torch.mm": 410.0, "oneDNN": 395.0}},
]


def trained(*seconds: float) -> dict[str, Any]:
    """A record of training on 100 texts an epoch."""
    return {"seconds": list(seconds), "warm_up_seconds": [9.0], "texts": 100, "peak_memory_mb": 512.3}


def asked(*seconds: float, **curves: dict[str, list[float]]) -> dict[str, Any]:
    """A record of answers to 100 texts a pass; two rounds of three answers to one text."""
    return {
        "size_bytes": 10_800_000,
        "seconds": list(seconds),
        "texts": 100,
        "peak_memory_mb": 300.0,
        "first_answer": 0.25,
        "alone": {"16": [[1.0, 2.0, 30.0], [1.0, 4.0, 5.0]], "50": [[3.0, 3.0, 3.0]] * 2},
        "cold_start_seconds": [3.0, 1.0, 2.0],
        **curves,
    }


def document(**changes: Any) -> Document:
    """Make a document of two peers that were measured, one that failed in inference, and one that is missing."""
    values: dict[str, Any] = {
        "peers": PEERS,
        "absent": ABSENT,
        "training": {"ours": trained(0.2, 0.25, 5.0), "keras": trained(0.5, 0.6, 0.4)},
        "inference": {
            "ours": asked(0.05, 0.1, 0.04, by_length={"64": [1.0, 3.0, 2.0], "1024": [20.0, 30.0, 25.0]}),
            "keras": {"error": "ValueError: broken"},
            "minilm": asked(4.0, 5.0, 6.0, by_length={"64": [9.0]}, by_batch_size={"1": [50.0], "8": [200.0]}),
        },
        "rates": RATES,
        "dataset": DATASET,
        "origin": describe_origin(),
        "other_load": {"before": 0.1, "after": 0.05},
        "effort": QUICK,
        "threads": 2,
        "quick": False,
    }
    return build_document(**(values | changes))
