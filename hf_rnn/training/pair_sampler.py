"""Batches of duplicates in which nothing but the duplicate itself is one: in-batch negatives that are negatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.utils import logging


__all__ = [
    "GroupedPairSampler",
]

logger = logging.get_logger(__name__)


class GroupedPairSampler(Sampler[int]):
    """An order of pairs that, cut into batches, has at most one pair of a group in each.

    All batches but the last are full, and their number is the largest there can be: k batches of `batch_size` exist
    if and only if the groups, each counted k times at most, have k · `batch_size` pairs (Gale 1957, Ryser 1957). The
    last takes one more pair of each group that has any left; a pair that would be alone, without a negative, is left
    out.
    So a group has a part in an epoch as large as the number of batches; which of its pairs these are is drawn in each
    epoch. `num_unplaced` says how many an epoch leaves out, and a warning does, too.

    As the order depends on `seed` and the epoch only, a run that resumes in the middle of an epoch goes on with
    exactly the batches it would have seen.

    Args:
        groups: The group of each pair; see `duplicate_groups`.
        batch_size: Pairs of a batch.
        seed: The seed of the order.
        parts: Into how many parts each batch is cut, one for each of several processes; no pair is alone in one.

    Raises:
        ValueError: `batch_size` is below 2 for each of the `parts`, or there are not two groups.
    """

    def __init__(self, groups: Sequence[int], batch_size: int, seed: int, parts: int = 1) -> None:
        if batch_size < 2 * parts:
            of_parts = f" for each of the {parts} `parts`" if parts > 1 else ""
            raise ValueError(
                f"`batch_size`={batch_size} must be at least {2 * parts}, 2{of_parts}: a pair alone has no negative."
            )
        _, self.groups, self.sizes = torch.as_tensor(groups).unique(return_inverse=True, return_counts=True)
        if len(self.sizes) < 2:
            raise ValueError(
                f"`groups` must name two groups or more, or no pair has a negative; got {len(self.sizes)}."
            )
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.num_full = self._count_full_batches()
        in_last = int(self.sizes.clamp(max=self.num_full + 1).sum()) - self.num_full * batch_size
        self.num_in_last = in_last if in_last >= 2 * parts else 0
        self.num_unplaced = len(self.groups) - len(self)
        if self.num_unplaced:
            logger.warning(
                f"{self.num_unplaced} of {len(self.groups)} pairs are left out of each epoch: no two of the same "
                f"duplicates may meet in a batch of {batch_size}, and no pair be alone in one."
            )

    def _count_full_batches(self) -> int:
        batches = torch.arange(1, len(self.groups) // self.batch_size + 1)
        # at_least[k - 1]: groups with k pairs or more; their running sum is what k batches can hold.
        at_least = len(self.sizes) - torch.searchsorted(self.sizes.sort().values, batches)
        return int((at_least.cumsum(0) >= batches * self.batch_size).sum())

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate's data loader before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_full * self.batch_size + self.num_in_last

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        # Pairs in random order within their groups, and these side by side in random order.
        pairs = torch.randperm(len(self.groups), generator=generator)
        rank = torch.randperm(len(self.sizes), generator=generator)
        pairs = pairs[rank[self.groups[pairs]].argsort(stable=True)]
        sizes = self.sizes[rank.argsort()]
        place = torch.arange(len(pairs)) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)  # within the group
        for_last = place == self._place_for_last(sizes).repeat_interleave(sizes)
        # Dealt round in turn to the full batches, the pairs of a group, no more than there are batches, never meet.
        full = pairs[(place < self.num_full) & ~for_last].view(self.batch_size, self.num_full).T
        last = pairs[for_last][: self.num_in_last]
        for batch in [*full[torch.randperm(self.num_full, generator=generator)], last]:
            yield from batch.tolist()

    def _place_for_last(self, sizes: torch.Tensor) -> torch.Tensor:
        # (groups): which pair of each group is for the last batch. Where it has more than there are full batches, the
        # next one, for which these have no room. All others have room for; what is too many, a group gives one each.
        fits = sizes <= self.num_full
        too_many = int(sizes.clamp(max=self.num_full).sum()) - self.num_full * self.batch_size
        gives = fits & (fits.cumsum(0) <= too_many)
        return torch.where(gives, 0, self.num_full)
