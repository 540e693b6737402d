"""Makes `speed.json` and its tables of what was measured: a figure is a median over the repeats beside it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..document import ONE_THREAD, Document, Record, latency
from .measuring import Effort
from .network import DESCRIPTION, forward_operations, parameter_count
from .peers.table import PeerSpec


SCHEMA_VERSION = 1
# section, peer, the peer it is compared with, what the ratio of their texts a second has to reach.
RATIOS: tuple[tuple[str, str, str, float | None], ...] = (
    ("training", "ours", "keras", 1.7),
    ("training", "ours-bf16", "keras", 2.3),
    ("training", "ours", "torch-packed", 6.0),
    ("training", "ours-gru", "ours", 1.0),
    ("training", "ours", "ours-bare-loop", 0.95),
    ("training", "ours-step-dropout", "keras", None),
    ("training", "ours", "keras-locked", None),
    ("training", "ours", "keras-buckets", None),
    ("training", "ours-bf16", "keras-bf16", None),
    ("training", "ours-bf16", "ours", 1.5),
    ("training", "ours", "torch-padded", None),
    ("training", "ours", "torch-packed-flushed", None),
    ("training", "ours", "ours-no-kernel", None),
    ("training", "ours", "ours-reference", None),
    ("inference", "ours", "minilm", 40.0),
    ("inference", "ours-gru", "ours", 1.0),
    ("inference", "ours-bf16", "ours", None),
    ("inference", "ours", "keras", None),
    ("inference", "ours", "onnx", None),
    ("inference", "ours", "torch-packed", None),
)
METHOD = (
    "Every peer runs in a process of its own. Each round asks them in turn for the same work: an epoch of the same "
    "texts, one pass over them, or one text. Figures are medians over the rounds. The training epochs of the warm-up "
    "are not counted: in them kernels are chosen, graphs are traced, and gradients begin to vanish into denormals, "
    "which is what slows those down that do not flush them. Training peers start from their own library's initial "
    "weights. The peers that answer with the same network have the same weights; their first answers were compared. "
    "A time is that of the model's call, token ids to logits; TF-IDF's begins with the characters. Cold start: from "
    "the start of the process to the first answer, on one thread. Size: weights and configuration. Dropout has one "
    "mask for all steps in our rows, but for the one that says otherwise, and in Keras' locked one; elsewhere a fresh "
    "one each step. Where no number of threads is given, each library chose by itself; where one is, "
    "TensorFlow may still run operations side by side."
)


def build_document(
    *,
    peers: Sequence[PeerSpec],
    absent: Mapping[str, Mapping[str, str]],
    training: Mapping[str, Record],
    inference: Mapping[str, Record],
    rates: Sequence[Mapping[str, Mapping[str, float]]],
    dataset: Mapping[str, Any],
    origin: Mapping[str, Any],
    other_load: Mapping[str, float],
    effort: Effort,
    threads: int | None,
    quick: bool,
) -> Document:
    """The document in `speed.json`.

    Args:
        peers: All that were asked for, those that could not be measured included.
        absent: Peer → why it is missing and how it is installed.
        training, inference: What `measuring` returned.
        rates: The rates of matrix products, a round each.
        dataset: What `write_sample` returned.
        origin: What `describe_origin` returned before the first measurement.
        other_load: `before` and `after` the measurements, from `other_load_cores`.
        effort: How much was measured.
        threads: The threads of training and of batches; None: as each library chose.
        quick: Whether the figures only show that it works.
    """
    peak = product_peak(rates)
    tokens = float(dataset["mean_tokens"])
    sections = {
        "training": (training, [peer for peer in peers if peer.trained], training_figures),
        "inference": (inference, [peer for peer in peers if peer.asked], inference_figures),
    }
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "quick": quick,
        **origin,
        "other_load_cores": dict(other_load),
        "threads": {"training": threads, "batches": threads, "one_text": ONE_THREAD, "cold_start": ONE_THREAD},
        "dataset": dict(dataset),
        "network": network_figures(tokens),
        "method": METHOD,
        "effort": asdict(effort),
        "gemm": peak,
    }
    for section, (records, specs, figures) in sections.items():
        document[section] = {
            peer.key: {"label": peer.label, **status(peer.key, records, absent)}
            | (figures(records[peer.key], peer, tokens, peak) if measured(peer.key, records) else {})
            for peer in specs
        }
    document["ratios"] = ratios(document)
    return document


def measured(key: str, records: Mapping[str, Record]) -> bool:
    return key in records and "error" not in records[key]


def status(key: str, records: Mapping[str, Record], absent: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """`measured`, `missing` (with `reason` and maybe `install`) or `failed` (with `reason`)."""
    if key in absent:
        return {"status": "missing", **absent[key]}
    if measured(key, records):
        return {"status": "measured"}
    return {"status": "failed", "reason": records[key]["error"]}


def network_figures(tokens: float) -> dict[str, Any]:
    """Describe the network and what it costs, for a text of `tokens` tokens."""
    return {
        "description": DESCRIPTION,
        "cells": {
            cell: {
                "parameters": parameter_count(cell),
                "megaflop_per_text": {
                    "forward": forward_operations(tokens, cell) / 1e6,
                    "training": 3 * forward_operations(tokens, cell) / 1e6,
                },
            }
            for cell in ("lstm", "gru")
        },
    }


def product_peak(rates: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Data type → `gflops`, the highest rate of any product in any round, `by` which product, and all `repeats`."""
    peak = {}
    for dtype in rates[0] if rates else ():
        repeats = {kind: [rate[dtype][kind] for rate in rates] for kind in rates[0][dtype]}
        best = max(repeats, key=lambda kind: max(repeats[kind]))
        peak[dtype] = {"gflops": max(repeats[best]), "by": best, "repeats": repeats}
    return peak


def texts_per_second(record: Record) -> float:
    return record["texts"] / statistics.median(record["seconds"])


def share_of_peak(
    record: Record, peer: PeerSpec, tokens: float, peak: Mapping[str, Any], passes: int
) -> dict[str, float]:
    """`gflops` in the network's matrix products, padding not counted, and their share of the peak of the data type."""
    cell = peer.options.get("cell", "lstm")
    gflops = texts_per_second(record) * passes * forward_operations(tokens, cell) / 1e9
    dtype = "bf16" if peer.options.get("bf16") else "fp32"
    return {"gflops": gflops} | ({"share_of_gemm_peak": gflops / peak[dtype]["gflops"]} if dtype in peak else {})


def training_figures(record: Record, peer: PeerSpec, tokens: float, peak: Mapping[str, Any]) -> dict[str, Any]:
    """Texts a second, the machine's share, memory, and the epochs they are made of."""
    # A backward pass computes the gradients of the inputs and of the weights: two products for each of the forward's.
    return {"texts_per_second": texts_per_second(record)} | share_of_peak(record, peer, tokens, peak, 3) | record


def inference_figures(record: Record, peer: PeerSpec, tokens: float, peak: Mapping[str, Any]) -> dict[str, Any]:
    """Texts a second, milliseconds of one text, size, memory, cold start, curves; and what they are made of."""
    figures: dict[str, Any] = {"texts_per_second": texts_per_second(record), "max_tokens": peer.max_tokens}
    if peer.tolerance is not None or peer.ours:
        figures |= share_of_peak(record, peer, tokens, peak, 1)
    figures["one_text_ms"] = {length: latency(rounds) for length, rounds in record["alone"].items()}
    figures["size_mb"] = record["size_bytes"] / 1e6
    figures["cold_start_s"] = statistics.median(record["cold_start_seconds"])
    for name in ("by_length", "by_batch_size"):
        if name in record:
            figures[f"{name}_ms"] = {x: statistics.median(repeats) for x, repeats in record[name].items()}
    return figures | {name: value for name, value in record.items() if name != "alone"}


def ratios(document: Document) -> list[dict[str, Any]]:
    """Give the `RATIOS` of texts a second whose peers were both measured; `reached` where there is a `target`."""
    found = []
    for section, peer, beside, target in RATIOS:
        rows = [document[section].get(key, {}).get("texts_per_second") for key in (peer, beside)]
        if None not in rows:
            value = rows[0] / rows[1]
            row = {"section": section, "peer": peer, "beside": beside, "value": value, "target": target}
            found.append(row | ({} if target is None else {"reached": value >= target}))
    return found


def read_document(path: Path) -> Document:
    """Read what `write_document` wrote.

    Raises:
        ValueError: it is of another version.
    """
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path}: `schema_version` is {document.get('schema_version')!r}, not {SCHEMA_VERSION}")
    return document
