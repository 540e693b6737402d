"""Batches of similar length, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

import random

import pytest

from hf_rnn.training.samplers import LengthBucketSampler, SortedByLengthSampler


BATCH = 4
LENGTHS = random.Random(0).choices(range(1, 101), k=403)


def batches(order: list[int], size: int = BATCH) -> list[list[int]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def padding_share(order: list[int], lengths: list[int]) -> float:
    """How much of the padded batches is padding."""
    widths = [(max(lengths[index] for index in batch), batch) for batch in batches(order)]
    cells = sum(width * len(batch) for width, batch in widths)
    return 1 - sum(lengths) / cells


def sampler(epoch: int = 0, **changes: object) -> LengthBucketSampler:
    made = LengthBucketSampler(**{"lengths": LENGTHS, "batch_size": BATCH, "seed": 3, "window": 10, **changes})
    made.set_epoch(epoch)
    return made


@pytest.mark.parametrize("size", [1, 3, 4, 5, 40, 41, 403])
@pytest.mark.parametrize("epoch", [0, 1])
def test_every_example_comes_once_an_epoch(size: int, epoch: int) -> None:
    order = list(sampler(epoch, lengths=LENGTHS[:size]))
    assert sorted(order) == list(range(size))


def test_batches_have_similar_lengths() -> None:
    shuffled = list(range(len(LENGTHS)))
    random.Random(1).shuffle(shuffled)
    at_random = padding_share(shuffled, LENGTHS)
    assert at_random > 0.3
    assert padding_share(list(sampler()), LENGTHS) < at_random / 4


def test_a_larger_window_pads_less() -> None:
    shares = [padding_share(list(sampler(window=window)), LENGTHS) for window in (1, 5, 50)]
    assert shares[0] > 2 * shares[1] > 2 * shares[2]


def test_order_is_a_function_of_seed_and_epoch() -> None:
    first = list(sampler())
    assert first == list(sampler())
    repeated = sampler()
    assert list(repeated) == list(repeated) == first
    assert first != list(sampler(epoch=1))
    assert list(sampler(epoch=1)) == list(sampler(epoch=1))
    assert first != list(sampler(seed=9))


def test_batches_of_one_length_are_not_the_same_in_each_epoch() -> None:
    members = [{frozenset(batch) for batch in batches(list(sampler(epoch)))} for epoch in (0, 1)]
    assert len(members[0] & members[1]) < 10


def test_batches_are_not_in_order_of_length() -> None:
    widths = [max(LENGTHS[index] for index in batch) for batch in batches(list(sampler(window=200)))]
    assert widths != sorted(widths)
    assert widths != sorted(widths, reverse=True)


@pytest.mark.parametrize("epoch", range(5))
def test_the_short_batch_comes_last_and_moves_no_boundary(epoch: int) -> None:
    # Lengths all different, in one window: sorted and cut by four, each batch spans exactly four neighbours.
    lengths = list(range(43))
    found = batches(list(sampler(epoch, lengths=lengths, window=50)))
    assert [len(batch) for batch in found] == [4] * 10 + [3]
    assert {batch[0] for batch in found[:-1]} == set(range(0, 40, 4))
    assert all(batch == list(range(batch[0], batch[0] + 4)) for batch in found[:-1])
    assert found[-1] == [40, 41, 42]


def test_no_examples() -> None:
    assert list(sampler(lengths=[])) == []
    assert len(sampler(lengths=[])) == 0
    assert list(SortedByLengthSampler([])) == []


def test_length_of_the_samplers() -> None:
    assert len(sampler()) == len(SortedByLengthSampler(LENGTHS)) == len(LENGTHS)


def test_sorted_from_the_longest_and_stable() -> None:
    sampler = SortedByLengthSampler([2, 5, 2, 9, 5])
    assert list(sampler) == [3, 1, 4, 0, 2] == sampler.order.tolist()
    # Of few values any sort is stable.
    assert list(SortedByLengthSampler([1, 2] * 5000)) == [*range(1, 10_000, 2), *range(0, 10_000, 2)]
