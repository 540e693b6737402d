"""Tests of hf_rnn/data/word_pieces.py."""

from __future__ import annotations

from hf_rnn.data.word_pieces import token_bytes, train_word_pieces, word_start


def test_words_are_marked_and_found_in_raw_text():
    words = "He does n't work for Acme Corp. in London , does n't he ?".split()
    tokenizer = train_word_pieces([words, ["Corp."]], show_progress=False)
    expected = tokenizer(words, is_split_into_words=True)["input_ids"]
    assert tokenizer("He doesn't work for Acme Corp. in London, doesn't he?")["input_ids"] == expected
    pieces = tokenizer.convert_ids_to_tokens(expected)
    assert sum(map(word_start, pieces)) == len(words)
    assert b"".join(map(token_bytes, pieces)).decode() == "".join(words)
    assert tokenizer.convert_tokens_to_string(["ĠLond", "on"]) == "London"
