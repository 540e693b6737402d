"""Streams of a text and their windows."""

from __future__ import annotations

import pytest
import torch

from hf_rnn.data.batches import streams as module
from hf_rnn.data.batches.streams import TokenizedText, TokenStreams, collate_windows, encode_text, window_bounds
from hf_rnn.data.tokenizers.training import train_tokenizer


def streams_of(ids: torch.Tensor, columns: int) -> TokenStreams:
    return TokenStreams(TokenizedText([ids]), columns)


def test_each_token_but_the_first_is_predicted_once() -> None:
    streams = streams_of(torch.arange(100, 121), 4)
    assert (streams.num_columns, streams.num_steps, len(streams)) == (4, 5, 20)
    assert streams.inputs.flatten().tolist() == list(range(100, 120))
    assert streams.targets.flatten().tolist() == list(range(101, 121))


def test_a_remainder_that_no_stream_has_room_for_is_left_out() -> None:
    streams = streams_of(torch.arange(22), 4)
    assert (streams.num_steps, int(streams.targets.max())) == (5, 20)


def test_a_window_holds_the_tokens_and_those_after_them() -> None:
    streams = streams_of(torch.arange(9), 2)
    rows = [streams[None, column, 1, 3] for column in (0, 1)]
    batch = collate_windows(rows)
    assert batch["input_ids"].tolist() == [[1, 2], [5, 6]]
    assert batch["shift_labels"].tolist() == [[2, 3], [6, 7]]
    assert (batch["column"], batch["start"]) == (0, 1)


@pytest.mark.parametrize(("tokens", "columns"), [(1, 1), (4, 4), (0, 1)])
def test_a_text_shorter_than_one_batch_of_streams(tokens: int, columns: int) -> None:
    with pytest.raises(ValueError, match=f"has {tokens} tokens; {columns} streams need at least {columns + 1}"):
        streams_of(torch.arange(tokens), columns)


def test_characters_of_what_is_predicted() -> None:
    # Ten tokens of thirty characters, of which nine are predicted.
    assert TokenStreams(TokenizedText([torch.arange(10)], characters=30)).predicted_characters == 27


def test_windows_cover_the_streams() -> None:
    assert window_bounds(10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert window_bounds(8, 4) == [(0, 4), (4, 8)]
    assert window_bounds(3, 10) == [(0, 3)]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("num_steps", [1, 19, 20, 21, 141])
def test_random_windows(num_steps: int, length: int) -> None:
    seen = set()
    for seed in range(40):
        bounds = window_bounds(num_steps, length, torch.Generator().manual_seed(seed))
        assert len(bounds) == len(window_bounds(num_steps, length))
        assert (bounds[0][0], bounds[-1][1]) == (0, num_steps)
        assert all(end == start for (_, end), (start, _) in zip(bounds, bounds[1:], strict=False))
        lengths = [end - start for start, end in bounds]
        assert min(lengths) >= 1
        assert all(length / 2 <= each <= 1.5 * length for each in lengths[:-1]) or len(lengths) == 2
        seen.add(tuple(bounds))
    assert len(seen) > 1 or length < 4 or num_steps <= length


def test_text_is_encoded_in_order_and_back_to_front() -> None:
    tokenizer = train_tokenizer(["abcd"], kind="character", end_of_text=True, show_progress=False)
    a, b, c, d = (tokenizer.convert_tokens_to_ids(letter) for letter in "abcd")
    end = tokenizer.eos_token_id
    plain = encode_text(tokenizer, ["ab", "cd"])
    assert (plain.ids().tolist(), plain.characters) == ([a, b, c, d], 4)
    ended = encode_text(tokenizer, ["ab", "cd"], end=end)
    assert (ended.ids().tolist(), ended.characters) == ([end, a, b, end, c, d, end], 7)
    assert encode_text(tokenizer, ["ab", "cd"], end=end, reverse=True).ids().tolist() == [end, b, a, end, d, c, end]


def test_documents_are_shuffled_whole() -> None:
    documents = [torch.arange(10 * index, 10 * index + index + 1) for index in range(1, 7)]
    text = TokenizedText(documents, end=0)
    streams, orders = TokenStreams(text), set()
    for order in range(20):
        ids = text.ids(order).tolist()
        assert sorted(ids) == sorted(text.ids().tolist())
        joined = " ".join(map(str, ids))
        assert all(" 0 " + " ".join(map(str, each.tolist())) + " 0" in f" {joined}" for each in documents)
        assert ids == text.ids(order).tolist()
        window = streams[order, 0, 0, streams.num_steps]
        assert window["input_ids"].tolist() == ids[:-1]
        assert window["shift_labels"].tolist() == ids[1:]
        orders.add(tuple(ids))
    assert len(orders) > 10
    assert streams[None, 0, 0, 3]["input_ids"].tolist() == [0, 10, 11]


def test_a_long_text_is_tokenized_in_pieces(monkeypatch) -> None:
    text = "one two\nthree four five\nsix" * 3
    tokenizer = train_tokenizer([text], kind="whitespace", end_of_text=True, show_progress=False)
    whole = encode_text(tokenizer, [text, "two"], end=2).ids()
    monkeypatch.setattr(module, "PIECE", 12)
    assert module._pieces("one two\nthree four five\n") == ["one two\n", "three four f", "ive\n"]
    monkeypatch.setattr(module, "PIECE", 20)
    monkeypatch.setattr(module, "DOCUMENTS", 1)
    assert encode_text(tokenizer, [text, "two"], end=2).ids().tolist() == whole.tolist()
    assert int((whole == 2).sum()) == text.count("\n") + 3
