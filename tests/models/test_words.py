"""Words of pieces against a plain loop over every row, wherever the padding stands."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.models.words import Words


BATCH, TIME = 8, 9
PADDINGS = ["right", "left", "holes", "none"]


def random_batch(padding: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`starts` and `mask`; one row is empty, and what stands at the padding is as random as the rest."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.rand(BATCH, TIME, generator=generator) < 0.5
    lengths = torch.randint(0, TIME + 1, (BATCH, 1), generator=generator)
    lengths[seed % BATCH] = 0
    place = torch.arange(TIME)
    masks = {
        "right": place < lengths,
        "left": place >= TIME - lengths,
        "holes": (torch.rand(BATCH, TIME, generator=generator) < 0.6) & (lengths > 0),
        "none": torch.ones(BATCH, TIME, dtype=torch.bool),
    }
    return starts, masks[padding]


def by_loop(starts: list[bool], mask: list[bool]) -> list[list[int]]:
    """The places of the pieces of each word of a text."""
    words: list[list[int]] = []
    for place, (start, real) in enumerate(zip(starts, mask, strict=True)):
        if real and (start or not words):
            words.append([place])
        elif real:
            words[-1].append(place)
    return words


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("padding", PADDINGS)
def test_words_equal_a_loop(padding, seed):
    starts, mask = random_batch(padding, seed)
    words = Words.of(starts, mask)
    texts = [by_loop(*row) for row in zip(starts.tolist(), mask.tolist(), strict=True)]
    width = max(1, *map(len, texts))
    assert words.mask.shape == words.first.shape == (BATCH, width)
    assert torch.equal(words.pieces, mask)
    for row, text in enumerate(texts):
        rest = width - len(text)
        assert words.mask[row].tolist() == [True] * len(text) + [False] * rest
        assert words.first[row].tolist() == [word[0] for word in text] + [0] * rest
        assert words.begins[row].nonzero().flatten().tolist() == [word[0] for word in text]
        of_piece = {place: number for number, word in enumerate(text) for place in word}
        assert words.of_piece[row].tolist() == [of_piece.get(place, 0) for place in range(TIME)]


@pytest.mark.parametrize("padding", PADDINGS)
def test_values_move_between_pieces_and_words(padding):
    starts, mask = random_batch(padding, 7)
    words = Words.of(starts, mask)
    values = torch.randn(BATCH, TIME, 3)
    of_words = words.from_pieces(values)
    of_pieces = words.to_pieces(of_words)
    assert torch.equal(words.from_pieces(values[:, :, 0]), of_words[:, :, 0])
    for row, (start, real) in enumerate(zip(starts.tolist(), mask.tolist(), strict=True)):
        for number, word in enumerate(by_loop(start, real)):
            assert torch.equal(of_words[row, number], values[row, word[0]])
            assert all(torch.equal(of_pieces[row, place], values[row, word[0]]) for place in word)


@pytest.mark.parametrize("padding", PADDINGS)
def test_each_piece_a_word_closes_the_padding_up(padding):
    _, mask = random_batch(padding, 3)
    words = Words.each_a_piece(mask)
    values = torch.arange(BATCH * TIME).view(BATCH, TIME)
    assert torch.equal(words.begins, mask)
    assert torch.equal(words.from_pieces(values)[words.mask], values[mask])
    assert torch.equal(words.to_pieces(words.from_pieces(values))[mask], values[mask])


@pytest.mark.parametrize(("batch", "time"), [(2, 3), (2, 0), (0, 3), (0, 0)])
def test_batches_without_a_word(batch, time):
    mask = torch.zeros(batch, time, dtype=torch.bool)
    words = Words.of(~mask, mask)
    assert words.mask.shape == (batch, 1) and not words.mask.any()
    assert words.from_pieces(torch.randn(batch, time, 2)).shape == (batch, 1, 2)
    assert words.to_pieces(torch.randn(batch, 1, 2)).shape == (batch, time, 2)
