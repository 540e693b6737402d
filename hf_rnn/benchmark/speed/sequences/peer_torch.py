"""The network written with `torch.nn.LSTM` or `torch.nn.GRU`, as PyTorch's tutorials write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..peers.base import Epochs, TrainedPeer
from .base import SENTENCE, WritingPeer
from .network import LEARNING_RATE, PADDING, common_weights
from .pairs import padded, shifted


if TYPE_CHECKING:
    from .torch_network import TutorialNetwork


def common_network(cell: str, fed: bool) -> TutorialNetwork:
    """The network with the weights that all peers write with."""
    import torch

    from .torch_network import TutorialNetwork

    network = TutorialNetwork(cell, fed)
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in common_weights(cell, fed).items()})
    return network.eval()


class TorchTutorial(WritingPeer, TrainedPeer):
    """Batches of pairs in random order, each step of a target a call of the decoder."""

    def train(self, epochs: Epochs) -> None:
        import torch

        from .torch_network import TutorialNetwork

        torch.manual_seed(0)
        network = TutorialNetwork(self.cell, self.fed).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        sources = [text.ids for text in self.sample.texts]
        while epochs.next():
            for rows in torch.randperm(len(sources)).split(self.job.batch_size):
                ids = torch.from_numpy(padded([sources[row] for row in rows]))
                targets = padded([self.targets[row] for row in rows])
                optimizer.zero_grad()
                logits = network(ids, (ids != PADDING).sum(1), torch.from_numpy(shifted(targets)))
                labels = torch.from_numpy(targets).flatten()
                torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels, ignore_index=PADDING).backward()
                optimizer.step()

    def prepare(self) -> list[Path]:
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True)
        save_file(common_network(self.cell, self.fed).state_dict(), self.folder / "model.safetensors")
        return [self.folder / "model.safetensors"]

    def load(self) -> None:
        from safetensors.torch import load_file

        from .torch_network import TutorialNetwork

        self.network = TutorialNetwork(self.cell, self.fed).eval()
        self.network.load_state_dict(load_file(self.folder / "model.safetensors"))

    def write(self, sources: np.ndarray) -> Any:
        import torch

        ids = torch.from_numpy(sources)
        return self.network.write(ids, (ids != PADDING).sum(1), SENTENCE)
