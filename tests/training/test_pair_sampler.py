"""Groups of duplicates, and batches with at most one pair of each."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest
import torch
from torch.utils.data import DataLoader

from hf_rnn.data.batches.duplicates import duplicate_groups
from hf_rnn.training.pair_sampler import GroupedPairSampler


def random_groups(seed: int) -> list[int]:
    """Few groups or many, even or with one that is much larger than the rest, by numbers with gaps."""
    source = random.Random(seed)
    number, share = source.randint(2, 30), source.choice([0.0, 0.2, 0.7])
    size = source.randint(number, 120)
    drawn = [0 if source.random() < share else source.randrange(number) for _ in range(size - 2)]
    return [7 * group for group in [0, 1, *drawn]]


def batches(sampler: GroupedPairSampler, epoch: int = 0) -> list[list[int]]:
    sampler.set_epoch(epoch)
    order = list(sampler)
    return [order[start : start + sampler.batch_size] for start in range(0, len(order), sampler.batch_size)]


def most_full_batches(groups: list[int], batch_size: int) -> int:
    """Count the full batches by taking one of each of the largest groups that are left, again and again."""
    left, made = Counter(groups), 0
    while len(left) >= batch_size:
        left -= Counter(group for group, _ in left.most_common(batch_size))
        made += 1
    return made


@pytest.mark.parametrize("seed", range(60))
def test_no_batch_has_two_pairs_of_a_group_and_no_pair_comes_twice(seed: int) -> None:
    groups = random_groups(seed)
    sampler = GroupedPairSampler(groups, batch_size=2 + seed % 9, seed=seed)
    for epoch in (0, 1, 5):
        found = batches(sampler, epoch)
        placed = [pair for batch in found for pair in batch]
        assert len(placed) == len(set(placed)) == len(sampler)
        assert set(placed) <= set(range(len(groups)))
        assert sampler.num_unplaced == len(groups) - len(placed)
        for batch in found:
            assert len({groups[pair] for pair in batch}) == len(batch) > 1
        assert all(len(batch) == sampler.batch_size for batch in found[:-1])


@pytest.mark.parametrize("seed", range(60))
def test_there_are_as_many_batches_as_there_can_be(seed: int) -> None:
    groups, batch_size = random_groups(seed), 2 + seed % 9
    sampler = GroupedPairSampler(groups, batch_size, seed)
    full = most_full_batches(groups, batch_size)
    assert sum(len(batch) == batch_size for batch in batches(sampler)) == full
    # Each group in every batch, the short one among them, as long as it lasts; unless the short one is a lone pair.
    most = sum(min(size, full + 1) for size in Counter(groups).values())
    assert len(sampler) == (most - 1 if most % batch_size == 1 and most // batch_size == full else most)


@pytest.mark.parametrize(("size", "unplaced"), [(64, 0), (66, 0), (65, 1)])
def test_only_a_lone_last_pair_of_different_groups_is_left_out(size: int, unplaced: int) -> None:
    sampler = GroupedPairSampler(range(size), batch_size=4, seed=0)
    assert sampler.num_unplaced == unplaced
    assert len(set(sampler)) == len(sampler) == size - unplaced


def test_which_pairs_of_a_large_group_are_left_out_changes_with_the_epoch() -> None:
    groups = [0] * 30 + list(range(1, 21))
    sampler = GroupedPairSampler(groups, batch_size=5, seed=0)
    seen = [{pair for batch in batches(sampler, epoch) for pair in batch} for epoch in range(40)]
    assert sampler.num_unplaced > 20
    assert set.union(*seen) == set(range(50))
    assert len(set(map(frozenset, seen))) == 40


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    groups = random_groups(3)
    sampler = GroupedPairSampler(groups, batch_size=4, seed=3)
    first = batches(sampler)
    assert first == batches(sampler) == batches(GroupedPairSampler(groups, batch_size=4, seed=3))
    assert first != batches(sampler, epoch=1) != batches(sampler, epoch=2)
    assert first != batches(GroupedPairSampler(groups, batch_size=4, seed=4))
    # A run that resumes in the second epoch has never seen the first.
    resumed = GroupedPairSampler(groups, batch_size=4, seed=3)
    assert batches(resumed, epoch=1) == batches(sampler, epoch=1)


def test_pairs_meet_at_random() -> None:
    """Over many epochs each two pairs of different groups meet about equally often."""
    sampler = GroupedPairSampler([0, 0, 0, 1, 1, *range(2, 9)], batch_size=3, seed=0)
    epochs = 3000
    met = Counter(
        pair for epoch in range(epochs) for batch in batches(sampler, epoch) for pair in combinations(sorted(batch), 2)
    )
    singles = [met[pair] / epochs for pair in combinations(range(5, 12), 2)]
    assert sampler.num_unplaced == 0
    assert max(singles) - min(singles) < 0.05
    assert met[0, 1] == met[1, 2] == met[3, 4] == 0


def test_the_pairs_of_a_group_are_spread_over_the_epoch() -> None:
    sampler = GroupedPairSampler([pair // 2 for pair in range(400)], batch_size=4, seed=0)
    position = {pair: number for number, batch in enumerate(batches(sampler)) for pair in batch}
    neighbours = sum(abs(position[pair] - position[pair + 1]) == 1 for pair in range(0, 400, 2))
    # Of 100 batches any two are neighbours with a probability of one in fifty.
    assert neighbours < 20


def test_a_data_loader_cuts_the_batches() -> None:
    groups = random_groups(8)
    sampler = GroupedPairSampler(groups, batch_size=4, seed=0)
    loader = DataLoader(groups, batch_size=4, sampler=sampler)
    found = [batch.tolist() for batch in loader]
    assert len(found) == len(loader) > 3
    assert all(len(set(batch)) == len(batch) for batch in found)


def test_fewer_groups_than_a_batch_holds_make_one_short_batch() -> None:
    sampler = GroupedPairSampler([0, 0, 0, 1, 2], batch_size=8, seed=0)
    assert [len(batch) for batch in batches(sampler)] == [3]
    assert sampler.num_unplaced == 2


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("hf_rnn.training.pair_sampler.logger.warning", said.append)
    GroupedPairSampler([0, 1, 2, 3], batch_size=2, seed=0)
    assert not said
    GroupedPairSampler([0, 0, 0, 1], batch_size=2, seed=0)
    assert len(said) == 1 and said[0].startswith("2 of 4 pairs are left out")


@pytest.mark.parametrize("groups", [[], [3], [5, 5, 5]])
def test_without_two_groups_there_is_no_negative(groups: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"`groups` must name two groups or more.*got {min(1, len(groups))}"):
        GroupedPairSampler(groups, batch_size=2, seed=0)


@pytest.mark.parametrize("batch_size", [1, 0, -4])
def test_a_batch_of_one_is_refused(batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"`batch_size`={batch_size} must be at least 2"):
        GroupedPairSampler([0, 1], batch_size=batch_size, seed=0)


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([], []),
        ([("a", "b")], [0]),
        ([("a", "b"), ("c", "d")], [0, 1]),
        ([("a", "b"), ("c", "d"), ("d", "b")], [0, 0, 0]),
        ([("a", "b"), ("a", "b"), ("b", "a"), ("c", "c")], [0, 0, 0, 1]),
        ([("x", "y"), ("a", "b"), ("b", "c"), ("y", "z")], [0, 1, 1, 0]),
        ([(1, 2), (3, 2)], [0, 0]),
    ],
)
def test_groups_are_the_connected_components(pairs: list[tuple[str, str]], groups: list[int]) -> None:
    assert duplicate_groups(pairs) == groups


@pytest.mark.parametrize("seed", range(10))
def test_groups_are_those_of_a_search_of_the_graph(seed: int) -> None:
    source = random.Random(seed)
    pairs = [(source.randrange(60), source.randrange(60)) for _ in range(35)]
    reach = torch.eye(60, dtype=torch.bool)
    for first, second in pairs:
        reach[first, second] = reach[second, first] = True
    for _ in range(6):  # paths of up to 2 ** 6 steps
        reach = (reach.float() @ reach.float()) > 0
    found = duplicate_groups(pairs)
    for (one, (a, _)), (other, (b, _)) in combinations(enumerate(pairs), 2):
        assert (found[one] == found[other]) == bool(reach[a, b])


def test_a_long_chain_of_duplicates() -> None:
    chain = [(number, number + 1) for number in range(50_000)]
    assert set(duplicate_groups(chain)) == set(duplicate_groups(chain[::-1])) == {0}


def test_batches_of_a_chain_of_known_duplicates_have_no_known_duplicate() -> None:
    """No text of a batch is a duplicate, known or implied, of a text of another pair."""
    source = random.Random(0)
    pairs = [(f"q{source.randrange(150)}", f"q{source.randrange(150)}") for _ in range(80)]
    groups = duplicate_groups(pairs)
    for batch in batches(GroupedPairSampler(groups, batch_size=6, seed=0)):
        for one, other in combinations(batch, 2):
            assert duplicate_groups([*pairs, pairs[one], pairs[other]])[-2:] == [groups[one], groups[other]]
            assert groups[one] != groups[other] and not set(pairs[one]) & set(pairs[other])
