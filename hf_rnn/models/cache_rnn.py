"""The state of a recurrent model between calls: constant in size, whatever has been read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch.utils._pytree import MappingKey, register_pytree_node
from transformers.cache_utils import Cache, CacheLayerMixin

from .steps import State
from .tracing import recorded


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
        states: For each layer h, and c for an LSTM, each (batch, directions, units). A state of torch's layers has
            another order, and comes in by [`RecurrentCache.from_torch`].
        num_steps: How many steps have been read (the padded length, as transformers counts).
        batch_first: True: the parts are (batch, directions, units). False: they are (directions, batch, units), as
            `h_n` has them. None: the former, but of two texts and two directions, where a state looks the same in
            both orders, neither is assumed.

    Raises:
        ValueError: `batch_first` is None, and a part has more than two directions, or two of them and two texts.

    Example:
        >>> first = model(chunk_1, use_cache=True)
        >>> second = model(chunk_2, cache=first.cache)
    """

    def __init__(self, states: Sequence[State], num_steps: int = 0, *, batch_first: bool | None = None) -> None:
        if batch_first is None and not recorded():
            _require_one_order(states)
        if batch_first is False:
            states = [tuple(part.transpose(0, 1) for part in state) for state in states]
        super().__init__(layers=[RecurrentCacheLayer(state, num_steps) for state in states])

    @classmethod
    def from_torch(
        cls,
        h_n: torch.Tensor,
        c_n: torch.Tensor | None = None,
        *,
        bidirectional: bool = False,
        num_steps: int = 0,
    ) -> RecurrentCache:
        """Make it of what `torch.nn.LSTM`, `GRU` or `RNN` returns as its last state, or takes as its first.

        Args:
            h_n: (layers * directions, batch, units), the hidden state of all layers, whatever `batch_first` the layer
                has.
            c_n: The cell state of an LSTM in the same shape.
            bidirectional: Whether the layers read both ways. The model's own layers have to.
            num_steps: As above.

        Raises:
            ValueError: `h_n` is no such tensor, `c_n` has another shape, or an odd number of states cannot be of
                layers with two directions.
        """
        parts = {"h_n": h_n} if c_n is None else {"h_n": h_n, "c_n": c_n}
        for name, part in parts.items():
            found = tuple(part.shape) if isinstance(part, torch.Tensor) else f"of type {type(part).__name__}"
            if not isinstance(part, torch.Tensor) or part.dim() != 3 or part.shape != h_n.shape:
                raise ValueError(
                    f"`{name}` is {found}; it must be a tensor (layers * directions, batch, units), and `c_n` have "
                    "the shape of `h_n`. An LSTM of torch returns both in a tuple: `from_torch(*state)`."
                )
        directions = 2 if bidirectional else 1
        if len(h_n) % directions:
            raise ValueError(
                f"`h_n` has {len(h_n)} states of layers and directions; with `bidirectional`=True that must be even."
            )
        firsts = range(0, len(h_n), directions)
        states = [tuple(part[first : first + directions] for part in parts.values()) for first in firsts]
        return cls(states, num_steps, batch_first=False)

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


def _require_one_order(states: Sequence[State]) -> None:
    for shape in (tuple(part.shape) for state in states for part in state):
        if len(shape) == 3 and (shape[1] > 2 or shape[:2] == (2, 2)):
            why = (
                "has two texts and two directions, in whichever order" if shape[1] == 2 else "has too many directions"
            )
            raise ValueError(
                f"`states` has a part of shape {shape}, which {why}. The order is (batch, directions, units): say so "
                "with `batch_first=True`; a state of torch's layers, (layers * directions, batch, units), comes in by "
                "`RecurrentCache.from_torch(h_n, c_n, bidirectional=…)`."
            )


def _parts(cache: RecurrentCache) -> tuple[list[Any], None]:
    return [cache.states, cache.get_seq_length()], None


def _parts_by_name(cache: RecurrentCache) -> tuple[list[tuple[Any, Any]], None]:
    states, num_steps = _parts(cache)[0]
    return [(MappingKey("states"), states), (MappingKey("num_steps"), num_steps)], None


# So that `torch.export` finds the tensors of a state that goes into a model or comes out of it.
register_pytree_node(
    RecurrentCache,
    _parts,
    lambda parts, _: RecurrentCache(*parts, batch_first=True),
    serialized_type_name=f"{RecurrentCache.__module__}.{RecurrentCache.__qualname__}",
    flatten_with_keys_fn=_parts_by_name,
)
