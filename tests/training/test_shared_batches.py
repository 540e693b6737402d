"""Batches shared by several processes: every row once, in the steps of one process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from torch.utils.data import BatchSampler, DataLoader, Sampler, SequentialSampler

from hf_rnn.training.pair_sampler import GroupedPairSampler
from hf_rnn.training.samplers import LengthBucketSampler
from hf_rnn.training.shared_batches import SharedBatches, num_repeated, share_batches


def parts_of(sampler: Sampler, batch_size: int, processes: int, epoch: int = 0) -> list[list[list[int]]]:
    """Give the micro-batches of each process, as accelerate hands them out."""
    found = []
    for process in range(processes):
        rows = DataLoader(range(1000), batch_size=batch_size, sampler=sampler, collate_fn=list)  # type: ignore[arg-type]
        loader = prepare_data_loader(rows, num_processes=processes, process_index=process, put_on_device=False)
        share_batches(loader, batch_size)
        loader.set_epoch(epoch)
        found.append(list(loader))
        assert len(loader) == len(found[-1])
    return found


def samplers(rows: int, batch_size: int) -> dict[str, Any]:
    lengths = [(7 * row) % 13 for row in range(rows)]
    return {
        "plain": SequentialSampler(range(rows)),
        "grouped by length": LengthBucketSampler(lengths, batch_size, seed=3),
        "pairs": GroupedPairSampler(range(rows), batch_size, seed=3),
    }


@pytest.mark.reliability(
    section="Distributed",
    fault="Several processes and a last batch that does not come out even",
    mutation="accelerate's own sharing, which fills the last batch with the first rows",
)
@pytest.mark.parametrize("kind", ["plain", "grouped by length", "pairs"])
def test_every_row_comes_once_in_the_steps_of_one_process(kind: str, outcome: Any) -> None:
    tried = 0
    for processes in (2, 3):
        for size in (2, 4):
            for rows in range(2 * processes, 31):
                sampler = samplers(rows, size * processes)[kind]
                if kind == "pairs" and len(sampler) != rows:
                    continue
                shares = parts_of(sampler, size, processes, epoch=1)
                steps = [sum(step, []) for step in zip(*shares, strict=True)]
                assert sorted(sum(steps, [])) == list(range(rows))
                assert all(0 < len(part) <= size for share in shares for part in share)
                sampler_of_one = samplers(rows, size * processes)[kind]
                getattr(sampler_of_one, "set_epoch", int)(1)
                alone = list(BatchSampler(sampler_of_one, size * processes, drop_last=False))
                assert sum(steps, []) == sum(alone, [])
                # Only a last batch of fewer rows than processes is given some by the one before it.
                assert steps == alone or len(alone[-1]) < processes
                tried += 1
    outcome(f"{tried} sizes, 2 and 3 processes: each row once an epoch")


def test_the_last_batch_is_shared_evenly() -> None:
    assert parts_of(SequentialSampler(range(13)), 4, 2) == [
        [[0, 1, 2, 3], [8, 9, 10]],
        [[4, 5, 6, 7], [11, 12]],
    ]


def test_a_last_batch_of_fewer_rows_than_processes_is_given_some() -> None:
    assert parts_of(SequentialSampler(range(9)), 4, 2) == [[[0, 1, 2, 3], [7]], [[4, 5, 6], [8]]]


def test_an_incomplete_batch_can_be_left_out() -> None:
    shared = SharedBatches(SequentialSampler(range(13)), 4, 2, drop_last=True)
    assert list(shared) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(shared) == 2


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 4), (5, 1)])
def test_rows_that_cannot_be_shared_are_refused(rows: int, batch_size: int) -> None:
    message = f"`train_dataset` has {rows} rows .* `per_device_train_batch_size`={batch_size}"
    with pytest.raises(ValueError, match=message):
        SharedBatches(SequentialSampler(range(rows)), batch_size, num_processes=2)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_pairs_of_a_group_meet_in_any_process_and_none_is_alone(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    groups = torch.randint(0, 12, (40,), generator=generator).tolist()
    sampler = GroupedPairSampler(groups, 8, seed=seed, parts=2)
    for share in parts_of(sampler, 4, 2, epoch=seed):
        for part in share:
            assert len({groups[pair] for pair in part}) == len(part) > 1


def test_pairs_for_several_processes_need_two_for_each() -> None:
    with pytest.raises(ValueError, match="`batch_size`=3 must be at least 4, 2 for each of the 2 `parts`"):
        GroupedPairSampler(range(9), 3, seed=0, parts=2)


def test_a_run_resumed_inside_an_epoch_reads_what_follows_in_that_epoch() -> None:
    sampler = samplers(31, 8)["grouped by length"]
    whole = parts_of(sampler, 4, 2, epoch=3)[1]
    sampler.set_epoch(0)
    rows = DataLoader(range(31), batch_size=4, sampler=sampler, collate_fn=list)  # type: ignore[arg-type]
    loader = prepare_data_loader(rows, num_processes=2, process_index=1, put_on_device=False)
    share_batches(loader, 4)
    resumed = skip_first_batches(loader, 2)
    resumed.set_epoch(3)
    assert list(resumed) == whole[2:]


@pytest.mark.parametrize(
    ("remainder", "ended", "repeated"),
    [(5, True, [0, 3]), (3, True, [1, 4]), (4, True, [0, 4]), (0, True, []), (-1, True, []), (5, False, [])],
)
def test_repeated_rows_are_those_beyond_the_last_of_the_data(remainder: int, ended: bool, repeated: list[int]) -> None:
    state = SimpleNamespace(end_of_dataloader=ended, remainder=remainder)
    accelerator: Any = SimpleNamespace(gradient_state=state, num_processes=2)
    assert num_repeated(accelerator, batch_size=4) == repeated


def test_one_process_reads_what_it_did() -> None:
    loader = prepare_data_loader(DataLoader(range(5), batch_size=2, collate_fn=list))  # type: ignore[arg-type]
    share_batches(loader, 2)
    assert list(loader) == [[0, 1], [2, 3], [4]]
