#!/usr/bin/env python
"""
How fast our layers train and answer, beside the same network written with torch's own LSTM.

    python scripts/benchmark.py [--threads 2] [--output model_cards/benchmarks/layers.json]

The network is Embedding(20000, 128) → BiLSTM(64) → BiLSTM(32) → Dense(1); the texts are random ids with the lengths
of film reviews (log-normal, median 193 tokens, cut at 256), in batches of similar length. The rows are measured in
turn, one step of each in every round, so that a change of the machine's clock or load meets them all; medians are
reported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from tqdm.auto import tqdm

from hf_rnn import BiLstmConfig, BiLstmForSequenceClassification
from hf_rnn.training.floating_point import flushed_denormals
from hf_rnn.training.machine import describe_machine, git_commit, library_versions
from hf_rnn.training.samplers import LengthBucketSampler


VOCABULARY, FEATURES, UNITS = 20_000, 128, (64, 32)
MEDIAN_LENGTH, LENGTH_SPREAD, LONGEST = 193, 0.6, 256
# One text on its own, as a service answers it.
SHORT, REPEATS = 50, 200

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TorchBiLstm(nn.Module):
    """The network as PyTorch's tutorials write it: everything padded, or packed."""

    def __init__(self, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(VOCABULARY, FEATURES, padding_idx=0)
        sizes = (FEATURES, *(2 * units for units in UNITS))
        self.layers = nn.ModuleList(
            nn.LSTM(size, units, batch_first=True, bidirectional=True)
            for size, units in zip(sizes, UNITS, strict=False)
        )
        self.output = nn.Linear(sizes[-1], 1)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        features = self.embedding(ids)
        for layer in self.layers:
            if self.packed:
                packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
                packed, (h, _) = layer(packed)
                features, _ = pad_packed_sequence(packed, batch_first=True)
            else:
                features, (h, _) = layer(features)
        logits: torch.Tensor = self.output(torch.cat([h[0], h[1]], dim=1)).squeeze(1)
        return logits

    def predict(self, batch: Batch) -> torch.Tensor:
        return self.forward(batch[0], batch[1])


class Contender:
    """One row of the table: a model, its training step and its answer to a batch."""

    def __init__(self, name: str, predict: Callable[[Batch], torch.Tensor], model: nn.Module, flush: bool) -> None:
        self.name, self.predict, self.model, self.flush = name, predict, model, flush
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def train_step(self, batch: Batch) -> None:
        self.optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(self.predict(batch), batch[2])
        loss.backward()
        self.optimizer.step()

    @torch.inference_mode()
    def answer(self, batch: Batch) -> None:
        self.predict(batch)


def contenders() -> Iterator[Contender]:
    ours = BiLstmForSequenceClassification(
        BiLstmConfig(vocab_size=VOCABULARY, embedding_size=FEATURES, hidden_sizes=list(UNITS), single_logit=True)
    )
    yield Contender("hf_rnn", lambda batch: ours(batch[0]).logits[:, 1], ours, flush=True)
    for packed, name in ((False, "torch.nn.LSTM, padded (inexact)"), (True, "torch.nn.LSTM, packed")):
        model = TorchBiLstm(packed)
        yield Contender(name, model.predict, model, flush=False)


def make_batches(count: int, batch_size: int) -> list[Batch]:
    torch.manual_seed(0)
    drawn = torch.exp(torch.randn(count * batch_size) * LENGTH_SPREAD) * MEDIAN_LENGTH
    lengths = drawn.long().clamp(1, LONGEST)
    batches = []
    for rows in torch.tensor(list(LengthBucketSampler(lengths.tolist(), batch_size, seed=0))).split(batch_size):
        own = lengths[rows]
        ids = torch.randint(1, VOCABULARY, (len(rows), int(own.max())))
        ids[torch.arange(ids.shape[1]) >= own.unsqueeze(1)] = 0
        batches.append((ids, own, torch.randint(0, 2, (len(rows),)).float()))
    return batches


def seconds(work: Callable[[Batch], None], batch: Batch, flush: bool) -> float:
    with flushed_denormals() if flush else contextlib.nullcontext():
        start = time.perf_counter()
        work(batch)
        return time.perf_counter() - start


def measure(batches: list[Batch], batch_size: int) -> dict[str, dict[str, float]]:
    """Texts a second and latency of each contender: medians over the batches, the first of which only warms up."""
    rows = list(contenders())
    figures: dict[str, dict[str, float]] = {row.name: {} for row in rows}
    for kind in ("training", "inference"):
        spent: dict[str, list[float]] = {row.name: [] for row in rows}
        for batch in tqdm(batches, desc=kind):
            for row in rows:
                row.model.train(kind == "training")
                work = row.train_step if kind == "training" else row.answer
                spent[row.name].append(seconds(work, batch, row.flush))
        for name, times in spent.items():
            figures[name][kind] = batch_size / statistics.median(times[1:])
    for row in rows:
        figures[row.name]["latency_ms"] = latency(row)
    return figures


def latency(row: Contender) -> float:
    """Milliseconds for one text of `SHORT` tokens: the median of `REPEATS`."""
    batch = (torch.randint(1, VOCABULARY, (1, SHORT)), torch.tensor([SHORT]), torch.zeros(1))
    times = [seconds(row.answer, batch, flush=False) for _ in range(REPEATS)]
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: torch's own choice")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=20, help="rounds; the median is taken over them")
    parser.add_argument("--output", default="model_cards/benchmarks/layers.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures = measure(make_batches(arguments.batches, arguments.batch_size), arguments.batch_size)
    document: dict[str, Any] = {
        "unit": f"texts per second; latency of one text of {SHORT} tokens in milliseconds",
        "batch_size": arguments.batch_size,
        "rounds": arguments.batches - 1,
        "figures": figures,
        "machine": describe_machine(),
        "versions": library_versions(),
        "commit": git_commit(),
    }
    path = Path(arguments.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{'texts per second':<34}{'training':>10}{'inference':>11}{'one text, ms':>14}")
    for name, row in figures.items():
        print(f"{name:<34}{row['training']:>10.0f}{row['inference']:>11.0f}{row['latency_ms']:>14.2f}")
    print(f"Wrote {path}.")


if __name__ == "__main__":
    main()
