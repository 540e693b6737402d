"""Sentences out of WordNet, books and reviews, and the slips that a student reads."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from hf_rnn.tasks.encoder_distillation.corpus import (
    WORDNET_FILES,
    read_sentences,
    with_slips,
    wordnet_sentences,
)


GLOSS = '02084071 05 n 02 dog 0 domestic_dog 0 001 @ 02083346 n 0000 | a member of the genus Canis; "the dog barked" '


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    for name in WORDNET_FILES:
        (tmp_path / name).write_text("  1 This is the licence\n" + (GLOSS if name == "data.noun" else ""))
    return tmp_path


def test_definitions_and_examples_of_wordnet(wordnet: Path) -> None:
    found = {tuple(wordnet_sentences(wordnet, random.Random(seed))) for seed in range(20)}
    definition, example = "a member of the genus Canis", "the dog barked"
    assert found == {(definition, example), (f"dog: {definition}", example)}


def test_sources_are_cut_into_sentences_and_each_comes_once(wordnet: Path, tmp_path: Path) -> None:
    book, reviews = tmp_path / "book.txt", tmp_path / "reviews.parquet"
    book.write_text("It was late. The dog\nbarked! Alone. The dog barked!")
    pd.DataFrame({"text": ["A film.<br />So bad. The dog barked!"]}).to_parquet(reviews)
    found = read_sentences([str(book), str(reviews)], seed=0)
    assert sorted(found) == ["A film.", "It was late.", "So bad.", "The dog barked!"]


def test_texts_of_pairs_are_read_whole(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.parquet"
    rows = {"question1": ["How old is it? Tell me."], "question2": ["What is its age?"], "label": [1]}
    pd.DataFrame(rows).to_parquet(pairs)
    assert set(read_sentences([str(pairs)], seed=0)) == {"How old is it? Tell me.", "What is its age?"}


def test_a_sentence_may_begin_with_an_accent(tmp_path: Path) -> None:
    (tmp_path / "livro.txt").write_text("Era tarde. É noite. ele saiu. Água fria!")
    found = read_sentences([str(tmp_path / "livro.txt")], seed=0)
    assert set(found) == {"Era tarde.", "É noite. ele saiu.", "Água fria!"}


def test_no_more_of_a_source_than_it_says(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(" ".join(f"Sentence number {number}." for number in range(50)))
    assert len(read_sentences([f"{book}:7"], seed=0)) == 7
    assert read_sentences([f"{book}:7"], seed=0) == read_sentences([f"{book}:7"], seed=0)


@pytest.mark.parametrize(("name", "text"), [("book.csv", "It was late."), ("short.txt", "One. Two.")])
def test_what_holds_no_sentence_is_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=f"`texts` names '.*{name}'"):
        read_sentences([str(tmp_path / name)], seed=0)


def test_a_slip_changes_letters_and_no_number_of_words() -> None:
    sentences = [f"Somebody Wonderful barked number {number}" for number in range(400)]
    read = with_slips(sentences, seed=0)
    assert [len(text.split()) for text in read] == [5] * 400
    lowered = sum(text.islower() for text in read)
    assert 80 < lowered < 160, "three in ten are in lower case"
    mistyped = [text for text, clean in zip(read, sentences, strict=True) if text.lower() != clean.lower()]
    assert 20 < len(mistyped) < 60
    for text, clean in zip(read, sentences, strict=True):
        for word, whole in zip(text.lower().split(), clean.lower().split(), strict=True):
            assert word[0] == whole[0] and abs(len(word) - len(whole)) <= 1
            assert set(word) <= set(whole)
