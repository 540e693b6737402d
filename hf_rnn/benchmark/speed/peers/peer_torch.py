"""The network written with `torch.nn.LSTM`, as PyTorch's tutorials write it: everything padded, or packed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..network import common_weights
from ..texts import MAX_TOKENS, Text, pad
from .base import AskedPeer, Epochs, Job, TrainedPeer


if TYPE_CHECKING:
    from .torch_network import TorchNetwork

LEARNING_RATE = 1e-3


def common_network(packed: bool) -> TorchNetwork:
    """The network with the weights that all peers answer with."""
    import torch

    from .torch_network import TorchNetwork

    network = TorchNetwork(packed)
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in common_weights().items()})
    return network.eval()


class TorchLstm(TrainedPeer, AskedPeer):
    """Batches of texts in random order.

    Args:
        packed: Sequences packed, so that padding is not read; else everything is padded to the longest a text may be,
            and what a text's answer is depends on its padding.
        flush: Denormals are flushed to zero, which PyTorch's users seldom ask for.
    """

    def __init__(self, job: Job, packed: bool, flush: bool = False) -> None:
        super().__init__(job)
        self.packed, self.flush = packed, flush

    def train(self, epochs: Epochs) -> None:
        import torch

        from .torch_network import TorchNetwork

        if self.flush:
            # This must come before torch has started the threads that inherit it.
            torch.set_flush_denormal(True)
        torch.manual_seed(0)
        network = TorchNetwork(self.packed).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        ids = torch.from_numpy(pad(self.sample.texts, MAX_TOKENS))
        lengths, labels = torch.tensor(self.sample.lengths), torch.tensor(self.sample.labels).float()
        while epochs.next():
            for rows in torch.randperm(len(ids)).split(self.job.batch_size):
                optimizer.zero_grad()
                logits = network(ids[rows], lengths[rows])
                torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[rows]).backward()
                optimizer.step()

    def prepare(self) -> list[Path]:
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True)
        save_file(common_network(self.packed).state_dict(), self.folder / "model.safetensors")
        return [self.folder / "model.safetensors"]

    def load(self) -> None:
        from safetensors.torch import load_file

        from .torch_network import TorchNetwork

        self.network = TorchNetwork(self.packed).eval()
        self.network.load_state_dict(load_file(self.folder / "model.safetensors"))

    def inputs(self, texts: Sequence[Text], max_tokens: int) -> Any:
        import torch

        return torch.from_numpy(pad(texts, max_tokens)), torch.tensor([len(text.ids) for text in texts])

    def answer(self, inputs: Any) -> np.ndarray:
        import torch

        with torch.inference_mode():
            logits: np.ndarray = self.network(*inputs).numpy()
            return logits
