"""The tokenizer of pieces that is trained on whole texts, and the words that it finds."""

from __future__ import annotations

import pytest

from hf_rnn.data.tokenizers import text_pieces
from hf_rnn.data.tokenizers.text_pieces import MAX_PIECE_BYTES, MAX_WORD_CHARACTERS, train_text_pieces, words_of
from hf_rnn.data.tokenizers.word_vocabulary import marks_words, spell_tokens


TEXTS = ["The film isn't bad: it isn't!", "A <b class='x'>fine</b> film, um bom filme à noite.", "film"]
WORDS = [
    ["the", "film", "is", "n't", "bad", ":", "it", "is", "n't", "!"],
    ["a", "fine", "film", ",", "um", "bom", "filme", "à", "noite", "."],
    ["film"],
]


def test_the_words_are_those_that_the_tokens_spell() -> None:
    tokenizer = train_text_pieces(TEXTS, strip_html=True, show_progress=False)
    assert list(words_of(tokenizer, TEXTS)) == WORDS
    assert marks_words(tokenizer)
    spelt, starts = spell_tokens(tokenizer)
    # What was not in the training texts is spelt, too.
    new = "Um filmão 😀, isn't it"
    for text, words in zip([*TEXTS, new], [*WORDS, ["um", "filmão", "😀", ",", "is", "n't", "it"]], strict=True):
        found: list[bytes] = []
        for token in tokenizer(text)["input_ids"]:
            if starts[token]:
                found.append(b"")
            found[-1] += spelt[token]
        assert [word.decode() for word in found] == words


def test_case_and_tags_stay_where_they_are_to_stay() -> None:
    tokenizer = train_text_pieces(TEXTS, lowercase=False, show_progress=False)
    assert next(words_of(tokenizer, ["The <b>"])) == ["The", "<", "b", ">"]


def test_letters_that_are_written_in_two_ways_are_the_same_word() -> None:
    tokenizer = train_text_pieces(TEXTS, show_progress=False)
    assert tokenizer("a\u0300 noite")["input_ids"] == tokenizer("à noite")["input_ids"]


def test_no_piece_is_longer_than_the_table_of_spellings_is_to_be_wide() -> None:
    address = "https-" + "abcdefghij" * 30
    tokenizer = train_text_pieces([f"{address} {address}"] * 3, show_progress=False)
    assert MAX_PIECE_BYTES / 2 < max(map(len, spell_tokens(tokenizer)[0])) <= MAX_PIECE_BYTES


def test_a_word_that_is_too_long_is_several() -> None:
    tokenizer = train_text_pieces(TEXTS, show_progress=False)
    long = "é" * (2 * MAX_WORD_CHARACTERS + 3)
    words = [long[:MAX_WORD_CHARACTERS]] * 2 + ["ééé", "film"]
    assert next(words_of(tokenizer, [f"{long} film"])) == words
    spelt, starts = spell_tokens(tokenizer)
    ids = tokenizer(f"{long} film")["input_ids"]
    assert [starts[token] for token in ids].count(True) == len(words)
    assert b"".join(spelt[token] for token in ids).decode() == f"{long}film"
    # A text of training that has such a word teaches the same.
    assert train_text_pieces([f"{long} film"], show_progress=False)(f"{long} film")["input_ids"][0] != 1


def test_pieces_are_learnt_from_the_first_texts_and_all_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_pieces, "MOST_TEXTS", 2)
    few = train_text_pieces(["aaaa", "aaaa", *["bbbb"] * 9], show_progress=False).get_vocab()
    assert "Ġaaaa" in few and "Ġbbbb" not in few
    with pytest.raises(TypeError, match="item 3 is 7"):
        train_text_pieces(["a", "b", "c", 7], show_progress=False)  # type: ignore[list-item]


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_a_corpus_without_a_word_is_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match="`texts` is empty"):
        train_text_pieces(texts, show_progress=False)
