"""Training and inference on a GPU beside `nn.LSTM` over packed batches, which cuDNN computes. Needs torch and
transformers alone, and makes its texts itself.
"""

from __future__ import annotations

import datetime
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from ...models.configuration_rnn import BiLstmConfig
from ...models.modeling_rnn import BiLstmForSequenceClassification
from ...version import __version__


__all__ = ["GpuBenchmarkArguments", "measure_on_gpu"]


VOCABULARY, EMBEDDING, UNITS = 20_000, 128, (64, 32)
# Log-normal, as the lengths of reviews are.
LENGTH_MEAN, LENGTH_SPREAD, LONGEST = 5.2, 0.6, 256
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Peer = Callable[[Batch], torch.Tensor]
# What the numbers of the products are rounded to; float32 has no TF32.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class GpuBenchmarkArguments:
    device: str = field(default="cuda", metadata={"help": "Compute on this device. Default: cuda."})
    texts: int = field(default=2560, metadata={"help": "Number of texts of a round. Default: 2560."})
    batch_size: int = field(default=64, metadata={"help": "Number of texts of a batch. Default: 64."})
    rounds: int = field(default=5, metadata={"help": "Number of rounds after the first, uncounted one. Default: 5."})
    output: str = field(
        default="model_cards/benchmarks/gpu.json",
        metadata={"help": "Write this JSON file. Default: model_cards/benchmarks/gpu.json."},
    )


class PackedLstm(nn.Module):
    """The same network of torch's modules: packed batches, the last state of each direction, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, EMBEDDING, padding_idx=0)
        sizes = [EMBEDDING, *(2 * units for units in UNITS)]
        self.layers = nn.ModuleList(
            nn.LSTM(size, units, batch_first=True, bidirectional=True)
            for size, units in zip(sizes, UNITS, strict=False)
        )
        self.classifier = nn.Linear(sizes[-1], 2)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Score texts: ids (batch, time) and lengths (batch), on the host, to (batch, 2)."""
        packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        h_n = packed.data
        for layer in self.layers:
            packed, (h_n, _) = layer(packed)
        found: torch.Tensor = self.classifier(h_n.transpose(0, 1).flatten(1))
        return found


def measure_on_gpu(arguments: GpuBenchmarkArguments) -> dict[str, Any]:
    """Measure texts a second of both, round by round in turn, in each precision.

    Raises:
        RuntimeError: if there is no such device.
    """
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("`device`='cuda': torch finds no GPU here, so nothing is measured.")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    batches = list(_batches(arguments.texts, arguments.batch_size))
    return {
        "origin": _origin(device),
        "arguments": vars(arguments),
        "figures": {
            name: {
                "training": _in_turn(_trainers(device, dtype), batches, arguments.rounds, device),
                "inference": _in_turn(_readers(device, dtype), batches, arguments.rounds, device),
            }
            for name, dtype in PRECISIONS.items()
            if device.type == "cuda" or dtype == torch.float32
        },
    }


def _origin(device: torch.device) -> dict[str, Any]:
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "hf_rnn": __version__},
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _batches(texts: int, batch_size: int) -> Iterator[Batch]:
    # Ids, padded with 0, lengths and labels of texts of similar length, as length buckets give them.
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(texts, generator=generator) * LENGTH_SPREAD + LENGTH_MEAN).exp()
    for lengths in drawn.long().clamp(1, LONGEST).sort().values.split(batch_size):
        width = int(lengths.max())
        ids = torch.randint(1, VOCABULARY, (len(lengths), width), generator=generator)
        ids[torch.arange(width) >= lengths.unsqueeze(1)] = 0
        yield ids, lengths, torch.randint(2, (len(lengths),), generator=generator)


def _networks(device: torch.device) -> dict[str, tuple[nn.Module, Peer]]:
    torch.manual_seed(0)
    config = BiLstmConfig(vocab_size=VOCABULARY, embedding_size=EMBEDDING, hidden_sizes=list(UNITS), pad_token_id=0)
    ours: nn.Module = BiLstmForSequenceClassification(config)
    theirs = PackedLstm()
    ours.to(device), theirs.to(device)

    def of_ours(batch: Batch) -> torch.Tensor:
        ids = batch[0].to(device, non_blocking=True)
        found: torch.Tensor = ours(ids, attention_mask=ids != 0).logits
        return found

    def of_theirs(batch: Batch) -> torch.Tensor:
        found: torch.Tensor = theirs(batch[0].to(device, non_blocking=True), batch[1])
        return found

    return {"hf_rnn BiLSTM": (ours, of_ours), "torch.nn.LSTM, packed": (theirs, of_theirs)}


def _trainers(device: torch.device, dtype: torch.dtype) -> dict[str, Callable[[Batch], None]]:
    def trainer(network: nn.Module, score: Peer) -> Callable[[Batch], None]:
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)

        def train(batch: Batch) -> None:
            with _rounded(device, dtype):
                loss = nn.functional.cross_entropy(score(batch).float(), batch[2].to(device, non_blocking=True))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

        network.train()
        return train

    return {name: trainer(*peer) for name, peer in _networks(device).items()}


def _readers(device: torch.device, dtype: torch.dtype) -> dict[str, Callable[[Batch], None]]:
    def reader(network: nn.Module, score: Peer) -> Callable[[Batch], None]:
        network.eval()

        def read(batch: Batch) -> None:
            with torch.inference_mode(), _rounded(device, dtype):
                score(batch)

        return read

    return {name: reader(*peer) for name, peer in _networks(device).items()}


@contextmanager
def _rounded(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        yield


def _in_turn(
    peers: dict[str, Callable[[Batch], None]], batches: list[Batch], rounds: int, device: torch.device
) -> dict[str, dict[str, Any]]:
    # Texts a second of each round; the first, in which kernels are chosen and memory is taken, does not count.
    texts = sum(len(labels) for _, _, labels in batches)
    speeds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds + 1):
        for name, compute in peers.items():
            _wait(device)
            started = time.perf_counter()
            for batch in batches:
                compute(batch)
            _wait(device)
            speeds[name].append(texts / (time.perf_counter() - started))
    return {
        name: {"texts_per_second": statistics.median(found[1:]), "rounds": found[1:]} for name, found in speeds.items()
    }


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
