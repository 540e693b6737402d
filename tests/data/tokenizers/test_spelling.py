"""Tokens of any tokenizer are spelt: the words of a text come out again."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hf_rnn.data.tokenizers.spelling import UNKNOWN, spell_with_boundaries
from hf_rnn.data.tokenizers.training import train_tokenizer
from hf_rnn.data.tokenizers.word_pieces import train_word_pieces


TEXTS = ["A cat, don't PANIC!", "the ÉTÉ of (cats) and cats and cats", "unhappy  cat the the"]
WORDS = ["a", "cat", ",", "don't", "panic", "!", "the", "été", "of", "(", "cats", ")", "and"]


def words_of(tokenizer, text: str) -> list[str]:
    spelt = spell_with_boundaries(tokenizer)
    together = b"".join(spelt[token] for token in tokenizer(text)["input_ids"])
    return [word.decode() for word in together.split(b"\xff") if word]


@pytest.mark.parametrize("kind", ["bpe", "character"])
def test_words_come_out_whatever_pieces_they_were_cut_into(kind):
    tokenizer = train_tokenizer(TEXTS, kind=kind, vocab_size=300, min_frequency=1, show_progress=False)
    assert words_of(tokenizer, "A cat, don't PANIC! the ÉTÉ of (cats) and") == WORDS


def test_words_are_those_of_a_tokenizer_of_words():
    tokenizer = train_tokenizer(TEXTS, kind="word", min_frequency=1, show_progress=False)
    assert words_of(tokenizer, "A cat, don't PANIC! the ÉTÉ of (cats) and") == WORDS
    spelt = spell_with_boundaries(tokenizer)
    assert spelt[tokenizer.pad_token_id] == b""
    assert spelt[tokenizer.unk_token_id] == b"\xff" + UNKNOWN + b"\xff"


def test_marks_inside_of_what_stands_between_white_space_are_words():
    tokenizer = train_tokenizer(TEXTS, kind="whitespace", show_progress=False)
    assert words_of(tokenizer, "A cat, don't PANIC! of (cats) and") == [each for each in WORDS if each != "the"][
        :6
    ] + ["of", "(", "cats", ")", "and"]


def test_words_of_pieces_that_mark_their_beginning():
    tokenizer = train_word_pieces([text.split() for text in TEXTS], vocab_size=280, show_progress=False)
    assert words_of(tokenizer, "the unhappy cats") == ["the", "unhappy", "cats"]


@pytest.mark.parametrize(
    ("model", "splits", "tokens"),
    [
        (models.WordPiece, pre_tokenizers.Whitespace(), ["un", "##happy", "Cat", "##s", "!", "[UNK]"]),
        (models.BPE, pre_tokenizers.Metaspace(), ["▁un", "happy", "▁Cat", "s", "!", "[UNK]"]),
    ],
)
def test_pieces_of_other_tokenizers_make_words(model, splits, tokens):
    vocabulary = {token: number for number, token in enumerate(tokens)}
    options = {"merges": []} if model is models.BPE else {}
    backend = Tokenizer(model(vocab=vocabulary, unk_token="[UNK]", **options))
    backend.pre_tokenizer, backend.decoder = splits, decoders.Fuse()
    spelt = spell_with_boundaries(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))
    words = [word for word in b"".join(spelt[:5]).split(b"\xff") if word]
    assert words == [b"unhappy", b"cats", b"!"]
