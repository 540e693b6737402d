"""Several processes, each with its share of every batch, and no example twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler, DataLoader, Sampler


__all__ = ["SharedBatches", "num_repeated", "share_batches"]


class SharedBatches(Sampler[list[int]]):
    """Batches of `batch_size` rows for each of several processes, cut into the parts of the processes, one after the
    other: the steps are those of one process with all the rows in its batch.

    The rows of the last batch are shared out as evenly as they can be. Where they are fewer than the processes, the
    batch before it gives it some, because no process can go without.

    Args:
        sampler: The order of the rows.
        batch_size: Rows of a full part.
        num_processes: Parts of a batch.
        drop_last: Leave out a batch that is not full.

    Raises:
        ValueError: the rows cannot be shared out: they are fewer than the processes; or with `batch_size` 1 there is
            a last batch that lacks some, and none can be given to it.
    """

    def __init__(self, sampler: Sampler[Any], batch_size: int, num_processes: int, drop_last: bool = False) -> None:
        self.sampler = sampler
        self.part_size = batch_size
        self.num_processes = num_processes
        self.drop_last = drop_last
        rows, left = len(sampler), len(sampler) % (batch_size * num_processes)  # type: ignore[arg-type]
        if not drop_last and (rows < num_processes or (batch_size == 1 and left)):
            raise ValueError(
                f"`train_dataset` has {rows} rows in an epoch, which {num_processes} processes cannot share at "
                f"`per_device_train_batch_size`={batch_size} without a process that has none in the last step; take "
                "fewer processes, larger batches, or `dataloader_drop_last`."
            )

    def __len__(self) -> int:
        full, left = divmod(len(self.sampler), self.part_size * self.num_processes)  # type: ignore[arg-type]
        return self.num_processes * (full + (left > 0 and not self.drop_last))

    def __iter__(self) -> Iterator[list[int]]:
        # One batch is held back, to give to the last.
        before: list[int] = []
        for batch in BatchSampler(self.sampler, self.part_size * self.num_processes, self.drop_last):
            lacking = self.num_processes - len(batch)
            if lacking > 0:
                batch, before = before[-lacking:] + batch, before[:-lacking]
            yield from self._parts(before)
            before = batch
        yield from self._parts(before)

    def _parts(self, batch: list[int]) -> Iterator[list[int]]:
        size, larger = divmod(len(batch), self.num_processes)
        start = 0
        for process in range(self.num_processes if batch else 0):
            end = start + size + (process < larger)
            yield batch[start:end]
            start = end


def share_batches(loader: DataLoader[Any], batch_size: int) -> None:
    """Have a data loader that accelerate has prepared for several processes read [`SharedBatches`].

    By itself accelerate fills the last batch with the first rows of the epoch, which so come twice, and, of pairs that
    must not meet in a batch, may meet.
    """
    shard = loader.batch_sampler
    if isinstance(shard, BatchSamplerShard):
        inner = shard.batch_sampler
        shard.batch_sampler = SharedBatches(inner.sampler, batch_size, shard.num_processes, inner.drop_last)
        # Parts of any size, each as it is.
        shard.batch_size = None
        # Accelerate looks for it here to tell it the epoch, also in a run that was resumed inside of one.
        shard.sampler = inner.sampler


def num_repeated(accelerator: Accelerator, batch_size: int) -> list[int]:
    """Count, in evaluation, the repeated rows of each process's last part; elsewhere there is no list at all.

    accelerate fills up the last batch, so that all parts are equally long and what is predicted can be gathered.
    """
    state = accelerator.gradient_state
    if not state.end_of_dataloader or state.remainder <= 0:
        return []
    before = [process * batch_size for process in range(accelerator.num_processes)]
    return [batch_size - min(max(state.remainder - start, 0), batch_size) for start in before]
