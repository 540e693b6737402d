"""Reads the tokens that `generate` writes by the compiled network: see `hf_rnn/models/token_reader.py`."""

from __future__ import annotations

import operator
from typing import Any

import torch

from ..models.cache_rnn import RecurrentCache
from ..models.paths import forced_path
from .layer import captured
from .network_binding import Network, NetworkLibrary
from .packing import obstacle, pack


__all__ = ["CompiledReader", "make_reader"]


# Texts that are read at a time. More are read sooner by a product of matrices.
_FEW = 16
# Tokens that are read before the weights are laid out, which takes as long as a few dozen of them.
_FIRST = 16


def make_reader(library: NetworkLibrary, model: Any) -> CompiledReader | None:
    """The reader of `model`; None where its numbers may be others than those of the weights alone."""
    # A dropout alone may be in training, to draw several answers.
    drawn = any(module.training for module in model.modules())
    if drawn or model.config.output_hidden_states or obstacle(model) is not None:
        return None
    weights = list(model.parameters())
    # Those that were made in inference mode do not tell whether they were changed.
    return None if any(weight.is_inference() for weight in weights) else CompiledReader(library, model, weights)


class CompiledReader:
    """Args:
    library: The loaded library.
    model: A language model, in evaluation mode.
    weights: Its parameters.
    """

    def __init__(self, library: NetworkLibrary, model: Any, weights: list[torch.nn.Parameter]) -> None:
        self.model = model
        self._library, self._weights = library, weights
        self._packed: tuple[Network, list[tuple[int, int]]] | None = None
        self._read = 0
        self._after: list[torch.Tensor] = []
        self._num_states = [layer.num_states for layer in model.model.layers]
        self._sizes = [layer.hidden_size for layer in model.model.layers for _ in range(layer.num_states)]
        self._vocabulary = model.lm_head.out_features

    def __call__(self, input_ids: torch.Tensor, cache: RecurrentCache) -> tuple[torch.Tensor, RecurrentCache] | None:
        before = [part for state in cache.states for part in state]
        batch = len(input_ids)
        if batch > _FEW or torch.is_grad_enabled() or self.model.training or forced_path() is not None or captured():
            return None
        # A column of all that was written so far.
        input_ids = input_ids.contiguous()
        # The library goes by these sizes and would read beyond what is there.
        if not _readable(input_ids, (batch, 1), torch.int64) or not self._goes_on_from(before, batch):
            return None
        self._read += 1
        if self._read <= _FIRST:
            return None
        after = self._after = [torch.empty_like(part) for part in before]
        logits = torch.empty(batch, 1, self._vocabulary)
        self._network().step(input_ids, before, after, logits)
        parts = iter(after)
        states = [tuple(next(parts) for _ in range(count)) for count in self._num_states]
        return logits, RecurrentCache(states, cache.get_seq_length() + 1, batch_first=True)

    def _goes_on_from(self, before: list[torch.Tensor], batch: int) -> bool:
        # Most often from the state that it gave last.
        if len(before) == len(self._after) and all(map(operator.is_, before, self._after)):
            return len(before[0]) == batch
        if len(before) != len(self._sizes):
            return False
        sizes = zip(before, self._sizes, strict=True)
        return all(_readable(part, (batch, 1, size), torch.float32) for part, size in sizes)

    def _network(self) -> Network:
        # What is changed in place is counted by a version, what is put in its place lies elsewhere.
        now = [(weight.data_ptr(), weight._version) for weight in self._weights]
        if self._packed is None or self._packed[1] != now:
            self._packed = pack(self.model, self._library), now
        return self._packed[0]


def _readable(tensor: torch.Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> bool:
    return (
        tensor.shape == shape
        and tensor.dtype == dtype
        and tensor.device.type == "cpu"
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and type(tensor) is torch.Tensor
    )
