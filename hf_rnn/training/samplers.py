"""The order of a training run's rows, a function of (seed, epoch) alone: by length, or by the streams of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from ..data.batches.streams import TokenStreams, window_bounds


__all__ = ["LengthBucketSampler", "SortedByLengthSampler", "StreamSampler"]


class LengthBucketSampler(Sampler[int]):
    """Random batches of similar length.

    Each epoch shuffles the examples, cuts them into windows of `window` batches, sorts each window by length, and
    shuffles the batches. As the order depends on `seed` and the epoch only, a run that resumes in the middle of an
    epoch goes on with exactly the batches it would have seen.

    Args:
        lengths: The length of each example, in tokens.
        batch_size: Examples that are padded together.
        seed: The seed of the order.
        window: Batches that are sorted together; larger pads less and mixes less.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, window: int = 50) -> None:
        self.lengths = torch.as_tensor(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.window = window
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate's data loader before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        batches = []
        for window in torch.randperm(len(self), generator=generator).split(self.batch_size * self.window):
            batches += list(window[self.lengths[window].argsort(stable=True)].split(self.batch_size))
        # The one batch that may be short has to come last, or all that follow it would be cut elsewhere.
        short = [batches.pop()] if len(batches[-1]) < self.batch_size else []
        order = torch.randperm(len(batches), generator=generator).tolist()
        for batch in [batches[index] for index in order] + short:
            yield from batch.tolist()


class SortedByLengthSampler(Sampler[int]):
    """Examples from the longest to the shortest, for evaluation; `order` (examples) says which example comes when."""

    def __init__(self, lengths: Sequence[int]) -> None:
        # The longest first: if memory does not suffice, it shows at once.
        self.order = torch.as_tensor(lengths).argsort(descending=True, stable=True)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        yield from self.order.tolist()


class StreamSampler(Sampler[tuple[int | None, int, int, int]]):
    """The windows of a text, `(order, column, start, end)`: the first window of every stream, then the second of each,
    and so on. Batches of them, one after the other, go through all streams and then on to the next window; of several
    processes each has the same streams again and again.

    Args:
        streams: What is read.
        window: Steps of a window.
        seed: The seed of the order of the documents, drawn anew in each epoch; None: as they come.
        random_windows: Whether windows end at random places, drawn with `seed` (see `window_bounds`).
    """

    def __init__(
        self, streams: TokenStreams, window: int, seed: int | None = None, random_windows: bool = False
    ) -> None:
        self.streams = streams
        self.window = window
        self.seed = seed
        self.random_windows = random_windows
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate's data loader before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.streams.num_columns * len(window_bounds(self.streams.num_steps, self.window))

    def __iter__(self) -> Iterator[tuple[int | None, int, int, int]]:
        order = None if self.seed is None else self.seed + self.epoch
        generator = torch.Generator().manual_seed(order or 0) if self.random_windows else None
        for start, end in window_bounds(self.streams.num_steps, self.window, generator):
            for column in range(self.streams.num_columns):
                yield order, column, start, end
