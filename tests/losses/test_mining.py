"""The mined triplets, held against every triplet of a batch tried in turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hf_rnn.losses.mining import Triplets, batch_hard_triplets, semi_hard_triplets


# From the anchor 0: its positives 1 and 2 at 1 and 3, the negatives 3, 4 and 5 at 0.5, 2 and 4.
POINTS = torch.tensor([0.0, 1.0, 3.0, 0.5, 2.0, 4.0])
DISTANCES = (POINTS[:, None] - POINTS[None, :]).abs()
LABELS = torch.tensor([7, 7, 7, 1, 2, 3])


def rows(triplets: Triplets) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in triplets), strict=True))


def test_hard_and_semi_hard_by_hand() -> None:
    assert (0, 2, 3) in rows(batch_hard_triplets(DISTANCES, LABELS))
    mined = rows(semi_hard_triplets(DISTANCES, LABELS))
    assert (0, 1, 4) in mined and (0, 2, 5) in mined


def test_the_furthest_negative_where_none_is_beyond_the_positive() -> None:
    distances = torch.tensor([[0.0, 5.0, 1.0, 2.0], [5.0, 0, 6, 7], [1.0, 6, 0, 1], [2.0, 7, 1, 0]])
    mined = rows(semi_hard_triplets(distances, torch.tensor([0, 0, 1, 2])))
    assert mined == [(0, 1, 3), (1, 0, 2)]


def test_a_negative_as_far_as_the_positive_is_not_beyond_it() -> None:
    distances = torch.tensor([[0.0, 1.0, 1.0, 3.0], [1.0, 0, 9, 9], [1.0, 9, 0, 9], [3.0, 9, 9, 0]])
    assert (0, 1, 3) in rows(semi_hard_triplets(distances, torch.tensor([0, 0, 1, 2])))


@pytest.mark.parametrize("seed", range(20))
def test_against_all_triplets_tried_in_turn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(12, 3, generator=generator)
    labels = torch.randint(0, 1 + seed % 6, (12,), generator=generator)
    distances = torch.cdist(points, points)
    hard, semi_hard = [], []
    for a in range(12):
        positives = [p for p in range(12) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(12) if labels[n] != labels[a]]
        if positives and negatives:
            hard.append(
                (a, max(positives, key=lambda p: distances[a, p]), min(negatives, key=lambda n: distances[a, n]))
            )
        for p in positives if negatives else []:
            beyond = [n for n in negatives if distances[a, n] > distances[a, p]]
            chosen = (
                min(beyond, key=lambda n: distances[a, n]) if beyond else max(negatives, key=lambda n: distances[a, n])
            )
            semi_hard.append((a, p, chosen))
    assert rows(batch_hard_triplets(distances, labels)) == hard
    assert rows(semi_hard_triplets(distances, labels)) == semi_hard


@pytest.mark.parametrize("mine", [batch_hard_triplets, semi_hard_triplets])
@pytest.mark.parametrize("labels", [[0], [1, 1, 1], [1, 2, 3]], ids=["one row", "one label", "labels all different"])
def test_no_triplets(mine: Callable[..., Triplets], labels: list[int]) -> None:
    found = mine(torch.rand(len(labels), len(labels)), torch.tensor(labels))
    assert [column.shape for column in found] == [(0,)] * 3
    assert all(column.dtype == torch.int64 for column in found)
