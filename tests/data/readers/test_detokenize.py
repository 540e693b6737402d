"""Tests of hf_rnn/data/readers/detokenize.py."""

from __future__ import annotations

import pytest

from hf_rnn.data.readers.detokenize import detokenize


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("He works for Acme Corp. in the U.S. , does n't he ?", "He works for Acme Corp. in the U.S., doesn't he?"),
        ("It 's Ann 's ; they 'LL say I 'm late !", "It's Ann's; they'LL say I'm late!"),
        ("A ( b [ c ] ) : 5 % of $ 3 , £ 4 or # 1 ...", "A (b [c]): 5% of $3, £4 or #1..."),
        ("SOCCER - ENGLAND 1996-08-22 -- a draw", "SOCCER - ENGLAND 1996-08-22 -- a draw"),
        ('" Yes , " he said , " and no . "', '"Yes," he said, "and no."'),
        ('I knew it . "', 'I knew it."'),
        ("the players ' union ' hit ' him", "the players' union 'hit' him"),
        ("the ' glass ' house", "the 'glass' house"),
        ("dito : `` sem '' e “ Olá ” .", "dito: ``sem'' e “Olá”."),
        ("No art . 5º , § 1º , paga R $ 5,00 ( cinco reais ) .", "No art. 5º, § 1º, paga R$5,00 (cinco reais)."),
        ("denominada 'a posteriori", "denominada 'a posteriori"),
        ("5 's", "5 's"),
        (", and", ", and"),
        ("", ""),
    ],
)
def test_natural_text(words, text):
    assert detokenize(words.split())[0] == text


def test_offsets_are_those_of_the_tokens():
    tokens = ["", "(", "São", "Paulo", "😀", ")", ",", "does", "n't", '"', "", "it", '"', "?"]
    text, offsets = detokenize(tokens)
    assert text == '(São Paulo 😀), doesn\'t " it"?'
    assert [text[start:end] for start, end in offsets] == tokens
    assert offsets == sorted(offsets)


def test_a_string_is_not_a_list_of_words():
    with pytest.raises(TypeError, match="`tokens`='two words' is a single string"):
        detokenize("two words")
