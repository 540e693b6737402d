"""The benchmark of encoder-decoders, from arguments to the file it writes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ...document import ONE_THREAD, Document, Record, describe_origin, latency, other_load_cores, write_document
from ..lineup import Lineup
from ..measuring import FULL, QUICK, Effort, RoundArguments, check_answers, measure_training, with_failures
from ..peers.table import PeerSpec, chosen, missing
from ..report import status, texts_per_second
from .base import SENTENCE
from .network import DESCRIPTION, parameter_count
from .pairs import write_pairs
from .table import PEERS


__all__ = ["RATIOS", "SCHEMA_VERSION", "TARGETS", "SequenceBenchmarkArguments", "run_sequence_benchmark"]


SCHEMA_VERSION = 1
# One of each library, where a run only has to show that it works.
QUICK_PEERS = ["ours", "torch", "keras", "onnx", "onnx-int8"]
# Peer, the peer it is compared with, what the ratio of their pairs a second has to reach.
RATIOS: tuple[tuple[str, str, float | None], ...] = (
    ("ours", "torch", 3.0),
    ("ours", "keras", 3.0),
    ("ours-gru", "torch-gru", 3.0),
    ("ours-gru", "keras-gru", 3.0),
    ("ours-fed", "torch-fed", None),
    ("ours", "ours-fed", None),
    ("ours-gru", "ours", None),
)
# Peer → the most milliseconds that a sentence may take.
TARGETS = {"ours": 8.0, "ours-gru": 8.0, "onnx": 2.0, "onnx-int8": 2.0, "onnx-gru": 2.0, "onnx-gru-int8": 2.0}
METHOD = (
    "Every peer runs in a process of its own. Each round asks them in turn for the same work: an epoch of the same "
    "pairs, or one sentence. Figures are medians over the rounds; the epochs of the warm-up are not counted. Training "
    "peers start from their own library's initial weights, with Adam; ours is the Trainer, with pairs of similar "
    "length together and one mask of dropout for all steps. The tutorial loop packs the source and calls the decoder "
    "once for each step of the target; Keras reads all steps in one layer, pads both sides to the longest a text may "
    "be, and has no mask. A sentence is written greedily, one at a time on one thread, ids to ids, with the same "
    "weights by all peers, whose first sentences were compared; it ends after as many tokens as were read, none of "
    "which ends it. Where no number of threads is given, each library chose by itself in training; where one is, "
    "TensorFlow may still run operations side by side."
)


@dataclass
class SequenceBenchmarkArguments(RoundArguments):
    """The peers that are measured, and the file of the figures."""

    output: str = field(default="model_cards/benchmarks/sequences.json", metadata={"help": "JSON file to write."})
    peers: list[str] | None = field(
        default=None, metadata={"help": f"Peers to measure: {', '.join(peer.key for peer in PEERS)}. Default: all."}
    )

    def __post_init__(self) -> None:
        chosen(self.peers, PEERS)
        if Path(self.output).suffix != ".json":
            raise ValueError(f"`output`={self.output!r} must be the name of a .json file.")
        super().__post_init__()


def run_sequence_benchmark(arguments: SequenceBenchmarkArguments) -> Document:
    """Measure, and write `arguments.output`.

    Returns:
        The document in it, where a peer that is not installed is reported as missing.
    """
    effort = QUICK if arguments.quick else FULL
    effort = replace(effort, repeats=arguments.repeats or effort.repeats)
    peers = chosen(arguments.peers or (QUICK_PEERS if arguments.quick else None), PEERS)
    absent = {peer.key: gap for peer in peers if (gap := missing(peer)) is not None}
    present = [peer for peer in peers if peer.key not in absent]
    origin, load_before = describe_origin(), other_load_cores()
    with tempfile.TemporaryDirectory(prefix="hf_rnn_benchmark_") as name:
        folder = Path(name)
        dataset = write_pairs(folder, effort.texts)
        trained = [peer for peer in present if peer.trained]
        training, _ = measure_training(trained, folder, arguments.threads, effort)
        writing = measure_writing([peer for peer in present if peer.asked], folder, effort)
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": arguments.quick,
        **origin,
        "other_load_cores": {"before": load_before, "after": other_load_cores()},
        "threads": {"training": arguments.threads, "sentence": ONE_THREAD},
        "dataset": dataset,
        "network": {
            "description": DESCRIPTION,
            "parameters": {cell: parameter_count(cell) for cell in ("lstm", "gru")},
        },
        "sentence_tokens": SENTENCE,
        "method": METHOD,
        "effort": {key: asdict(effort)[key] for key in ("texts", "batch_size", "warm_up", "repeats", "calls")},
        "training": _section(peers, training, absent, trained=True),
        "writing": _section(peers, writing, absent, trained=False),
    }
    document["ratios"] = _ratios(document)
    write_document(document, Path(arguments.output))
    return document


def measure_writing(peers: Sequence[PeerSpec], folder: Path, effort: Effort) -> dict[str, Record]:
    """Returns:
    For each peer `size_bytes`, and `sentence`: the milliseconds of every call, a list for each round; or `error`.
    """
    with Lineup(peers, "prepare", folder, effort.batch_size, ONE_THREAD) as line:
        sizes = {key: {"size_bytes": first["size_bytes"]} for key, first in line.ready.items()}
        failures = dict(line.failures)
    able = [peer for peer in peers if peer.key not in failures]
    rounds = []
    with Lineup(able, "answer", folder, effort.batch_size, ONE_THREAD) as line:
        check_answers(able, line)
        for _ in tqdm(range(1 + effort.repeats), desc="one sentence"):
            rounds.append(line.ask(do="batch", size=1, tokens=SENTENCE, count=effort.calls))
        ends = line.end()
    records: dict[str, Record] = {
        key: {**sizes[key], "sentence": [answers[key]["milliseconds"] for answers in rounds[1:]]} for key in ends
    }
    return with_failures(records, failures | line.failures)


def _section(
    peers: Sequence[PeerSpec], records: dict[str, Record], absent: dict[str, dict[str, str]], trained: bool
) -> dict[str, Any]:
    rows = {}
    for peer in peers:
        if not (peer.trained if trained else peer.asked):
            continue
        row = {"label": peer.label, **status(peer.key, records, absent)}
        if row["status"] == "measured":
            record = records[peer.key]
            row |= _training_figures(record) if trained else _writing_figures(record)
        rows[peer.key] = row
    return rows


def _training_figures(record: Record) -> dict[str, Any]:
    return {"pairs_per_second": texts_per_second(record), **record}


def _writing_figures(record: Record) -> dict[str, Any]:
    return {"sentence_ms": latency(record["sentence"]), "size_mb": record["size_bytes"] / 1e6}


def _ratios(document: Document) -> list[dict[str, Any]]:
    """Give the `RATIOS` of pairs a second whose peers were both measured; `reached` where there is a `target`."""
    found = []
    for peer, beside, target in RATIOS:
        rates = [document["training"].get(key, {}).get("pairs_per_second") for key in (peer, beside)]
        if None not in rates:
            value = rates[0] / rates[1]
            row = {"peer": peer, "beside": beside, "value": value, "target": target}
            found.append(row | ({} if target is None else {"reached": value >= target}))
    return found
