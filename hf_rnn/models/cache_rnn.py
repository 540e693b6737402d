"""The state of a recurrent model between calls: constant in size, whatever has been read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.utils._pytree import MappingKey, register_pytree_node
from transformers.cache_utils import Cache, CacheLayerMixin

from .steps import State


__all__ = ["RecurrentCache", "RecurrentCacheLayer"]


class RecurrentCacheLayer(CacheLayerMixin):
    """One layer's state.

    Attributes:
        h: (batch, directions, units), the hidden state after the last step that was read.
        c: The cell state in the same shape; None but for an LSTM.
        num_steps: How many steps have been read.
    """

    is_compileable = False
    is_croppable = False

    def __init__(self, state: State, num_steps: int = 0) -> None:
        super().__init__()
        self.h = state[0]
        self.c = state[1] if len(state) > 1 else None
        self.num_steps = num_steps
        self.is_initialized = True

    @property
    def state(self) -> State:
        return (self.h,) if self.c is None else (self.h, self.c)

    def _apply(self, change: Any) -> None:
        self.h = change(self.h)
        self.c = None if self.c is None else change(self.c)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        raise TypeError("A recurrent state has no keys and values; it is returned by the model's forward pass.")

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("A recurrent state has no keys and values; it is returned by the model's forward pass.")

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.num_steps + query_length, 0

    def get_seq_length(self) -> int:
        return self.num_steps

    def get_max_length(self) -> int:
        return -1

    def offload(self) -> None:
        self._apply(lambda part: part.to("cpu", non_blocking=True))

    def prefetch(self) -> None:
        """Nothing to bring back ahead of time: the model moves a state to its own device."""

    def reset(self) -> None:
        self._apply(torch.zeros_like)
        self.num_steps = 0

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        self._apply(lambda part: part.index_select(0, beam_idx.to(part.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        self._apply(lambda part: part.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        self._apply(lambda part: part[indices])

    def crop(self, tokens_to_remove: int) -> None:
        raise ValueError("A recurrent state cannot forget its last steps; keep the earlier state and read again.")


class RecurrentCache(Cache):
    """The state of every layer, taken and returned by the models as `cache`, or by transformers' older name
    `past_key_values`. A forward pass never changes the one it is given: it returns a new one.

    Args:
        states: For each layer h, and c for an LSTM, each (batch, directions, units).
        num_steps: How many steps have been read (the padded length, as transformers counts).

    Example:
        >>> first = model(chunk_1, use_cache=True)
        >>> second = model(chunk_2, cache=first.cache)
    """

    def __init__(self, states: Sequence[State], num_steps: int = 0) -> None:
        super().__init__(layers=[RecurrentCacheLayer(state, num_steps) for state in states])

    @property
    def _recurrent_layers(self) -> list[RecurrentCacheLayer]:
        return cast(list[RecurrentCacheLayer], self.layers)

    @property
    def states(self) -> list[State]:
        """The states of the layers: (h,) or (h, c) of each, each part (batch, directions, units)."""
        return [layer.state for layer in self._recurrent_layers]

    @property
    def h_n(self) -> tuple[torch.Tensor, ...]:
        """Each layer's final hidden state (directions, batch, units), as torch's `h_n` for that layer."""
        return tuple(layer.h.transpose(0, 1) for layer in self._recurrent_layers)

    @property
    def c_n(self) -> tuple[torch.Tensor, ...] | None:
        """Each layer's final cell state (directions, batch, units); None but for an LSTM."""
        cells = [layer.c.transpose(0, 1) for layer in self._recurrent_layers if layer.c is not None]
        return tuple(cells) or None


def _parts(cache: RecurrentCache) -> tuple[list[Any], None]:
    return [cache.states, cache.get_seq_length()], None


def _parts_by_name(cache: RecurrentCache) -> tuple[list[tuple[Any, Any]], None]:
    states, num_steps = _parts(cache)[0]
    return [(MappingKey("states"), states), (MappingKey("num_steps"), num_steps)], None


# So that `torch.export` finds the tensors of a state that goes into a model or comes out of it.
register_pytree_node(
    RecurrentCache,
    _parts,
    lambda parts, _: RecurrentCache(*parts),
    serialized_type_name=f"{RecurrentCache.__module__}.{RecurrentCache.__qualname__}",
    flatten_with_keys_fn=_parts_by_name,
)
