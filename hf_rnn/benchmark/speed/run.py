"""The whole benchmark, from arguments to the files it writes."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...extras import require_extra
from ..document import describe_origin, other_load_cores, write_document
from .measuring import FULL, QUICK, RoundArguments, measure_inference, measure_training
from .peers.table import PEERS, chosen, missing
from .report import build_document
from .tables import markdown_tables
from .texts import write_sample


__all__ = ["BenchmarkArguments", "run_benchmark"]


# One of each library, where a run only has to show that it works.
QUICK_PEERS = ["ours", "ours-gru", "torch-packed", "keras", "onnx", "minilm", "tfidf"]


@dataclass
class BenchmarkArguments(RoundArguments):
    """The peers that are measured, and the folder of the figures."""

    output_dir: str = field(
        default="model_cards/benchmarks", metadata={"help": "Folder to write speed.json, speed.md and the plots into."}
    )
    peers: list[str] | None = field(
        default=None, metadata={"help": f"Peers to measure: {', '.join(peer.key for peer in PEERS)}. Default: all."}
    )

    def __post_init__(self) -> None:
        chosen(self.peers)
        super().__post_init__()


def run_benchmark(arguments: BenchmarkArguments) -> dict[str, Any]:
    """Measure, and write `speed.json`, `speed.md` and the plots.

    Returns:
        The document in `speed.json`.

    Raises:
        ValueError: an argument is out of range.
        MissingExtraError: matplotlib is not installed. A peer that is not is reported as missing.
    """
    require_extra("bench", "The benchmark", "matplotlib", "tqdm")
    from .plots import draw

    effort = QUICK if arguments.quick else FULL
    effort = replace(effort, repeats=arguments.repeats or effort.repeats)
    threads = arguments.threads
    peers = chosen(arguments.peers or (QUICK_PEERS if arguments.quick else None))
    absent = {peer.key: gap for peer in peers if (gap := missing(peer)) is not None}
    present = [peer for peer in peers if peer.key not in absent]
    origin, load_before = describe_origin(), other_load_cores()
    with tempfile.TemporaryDirectory(prefix="hf_rnn_benchmark_") as name:
        folder = Path(name)
        dataset = write_sample(folder, effort.texts, effort.fitted)
        training, rates = measure_training([peer for peer in present if peer.trained], folder, threads, effort)
        inference = measure_inference([peer for peer in present if peer.asked], folder, threads, effort)
    document = build_document(
        peers=peers,
        absent=absent,
        training=training,
        inference=inference,
        rates=rates,
        dataset=dataset,
        origin=origin,
        other_load={"before": load_before, "after": other_load_cores()},
        effort=effort,
        threads=threads,
        quick=arguments.quick,
    )
    output = Path(arguments.output_dir)
    write_document(document, output / "speed.json")
    (output / "speed.md").write_text(markdown_tables(document), encoding="utf-8")
    draw(document, output)
    return document
