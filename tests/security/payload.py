"""A pickle that does something when it is loaded, and an ear for any pickle that is."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import torch


# What transformers and torch, of any version, write into a checkpoint or a run as pickles.
PICKLED_FILES = (
    "pytorch_model.bin",
    "adapter_model.bin",
    "training_args.bin",
    "optimizer.pt",
    "optimizer.bin",
    "scheduler.pt",
    "scaler.pt",
    "rng_state.pth",
    "stream_state_0.pt",
    "tokenizer.pkl",
    "metrics.pkl",
)
FORMATS = ("torch", "pickle")


class Payload:
    """Makes the folder `marker` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.marker,)


def write_payload(path: Path, marker: Path, how: str = "torch") -> Path:
    """A file that makes the folder `marker` when its content is unpickled, as `torch.save` writes it or bare."""
    if how == "torch":
        torch.save({"state": Payload(marker)}, path)
    else:
        # The protocol of torch's own files.
        path.write_bytes(pickle.dumps({"state": Payload(marker)}, protocol=2))
    return path


class Ear:
    """Hears, while it listens, of every class or function that a pickle names: Python tells of it as it unpickles."""

    def __init__(self) -> None:
        self.listens = False
        self.heard: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class" and self.listens:
            self.heard.append(".".join(map(str, arguments)))


# A hook stays for as long as the process lives: one for all tests.
EAR = Ear()
