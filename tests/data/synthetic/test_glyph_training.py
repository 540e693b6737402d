"""Tests of hf_rnn/data/synthetic/glyph_training.py."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from hf_rnn.data.synthetic.glyph_training import TrainingGlyphPairs
from hf_rnn.data.synthetic.glyphs import glyph_classes


def same(a: dict, b: dict) -> bool:
    return all(torch.equal(a[name], b[name]) for name in ("pixel_values", "pixel_values_b"))


@pytest.mark.parametrize("alike_only", [True, False])
def test_every_letter_takes_its_turn(alike_only: bool) -> None:
    pairs = TrainingGlyphPairs(40, size=8, letters=5, alike_only=alike_only)
    assert len(pairs) == 200
    letters = [pairs.pair(index) for index in range(len(pairs))]
    alike = [first == second for first, second in letters]
    assert alike == ([True] * 200 if alike_only else [True, False] * 100)
    assert Counter(first for first, _ in letters) == dict.fromkeys(glyph_classes("train")[:5], 40)
    assert [pairs[index]["labels"] for index in range(200)] == [float(one) for one in alike]
    assert {second for _, second in letters} == set(glyph_classes("train")[:5])


def test_an_item_is_two_images_of_its_letters() -> None:
    item = TrainingGlyphPairs(1, size=16, letters=3, alike_only=True)[1]
    assert item["pixel_values"].shape == item["pixel_values_b"].shape == (1, 16, 16)
    assert not torch.equal(item["pixel_values"], item["pixel_values_b"]), "each drawn with distortions of its own"


def test_an_epoch_has_images_of_its_own_and_letters_in_the_same_places() -> None:
    pairs = TrainingGlyphPairs(2, size=8, seed=3, letters=4)
    first, groups = [pairs[index] for index in range(8)], pairs.groups
    again = TrainingGlyphPairs(2, size=8, seed=3, letters=4)
    assert all(same(first[index], again[index]) for index in range(8))
    pairs.set_epoch(1)
    assert not any(same(first[index], pairs[index]) for index in range(8))
    assert pairs.groups == groups
    pairs.set_epoch(0)
    assert same(first[5], pairs[5])
    other = TrainingGlyphPairs(2, size=8, seed=4, letters=4)
    assert not any(same(first[index], other[index]) for index in range(8))


def test_groups_are_the_letters_of_pairs_that_are_alike() -> None:
    alike = TrainingGlyphPairs(2, size=8, letters=3, alike_only=True)
    assert alike.groups == [0, 1, 2, 0, 1, 2]
    mixed = TrainingGlyphPairs(4, size=8, letters=3)
    assert mixed.groups == [0, 4, 1, 6, 2, 8, 0, 10, 1, 12, 2, 14]
    letters = glyph_classes("train")
    for index, group in enumerate(mixed.groups):
        first, second = mixed.pair(index)
        assert (first == second == letters[group]) if group < 3 else first != second


def test_all_letters_by_default() -> None:
    pairs = TrainingGlyphPairs(1, size=8)
    assert pairs.letters == glyph_classes("train") and len(pairs) == len(pairs.letters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"per_letter": 0}, "`per_letter` is 0; it must be at least 1"),
        ({"per_letter": 1, "letters": 1}, "`letters` is 1; it must be from 2 to"),
        ({"per_letter": 1, "letters": 100_000}, "`letters` is 100000; it must be from 2 to"),
        ({"per_letter": 1, "seed": -1}, "`seed` is -1"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingGlyphPairs(**arguments)


def test_an_index_out_of_range_is_refused() -> None:
    pairs = TrainingGlyphPairs(1, size=8, letters=2)
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"`index` is {index}; there are 2 pairs"):
            pairs[index]
