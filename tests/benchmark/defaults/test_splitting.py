"""What is learned from and what is measured on: the same for everybody, apart from each other, and nested."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from hf_rnn.benchmark.defaults.corpora import CORPORA, Corpus, find_corpus
from hf_rnn.benchmark.defaults.splitting import Part, cut_rows, cut_text, drawn_part


TEXTS = Corpus("tiny", "Tiny", "classes", "tiny.csv", ("text", "label"))


def rows(count: int) -> Part:
    """Rows sorted by their class, of which the last occurs once."""
    labels = ["a" if row < count // 2 else "b" for row in range(count - 1)] + ["rare"]
    return Part([f"Text {row}" for row in range(count)], labels)


def test_a_fifth_is_measured_on_and_the_rest_learned_from() -> None:
    parts = cut_rows(rows(100), TEXTS)
    assert parts.held_out.size in (19, 20) and parts.train.size == 80
    assert not set(parts.held_out.inputs) & set(parts.train.inputs)
    assert parts == cut_rows(rows(100), TEXTS), "the same rows each time"
    # Sorted rows are drawn from both ends.
    assert min(Counter(parts.train.first(20).labels)[name] for name in "ab") >= 5


def test_no_more_is_used_than_the_corpus_says() -> None:
    parts = cut_rows(rows(100), dataclasses.replace(TEXTS, held_out=7, most=30))
    assert (parts.held_out.size, parts.train.size) == (7, 30)


def test_texts_that_are_measured_on_are_not_learned() -> None:
    repeated = Part([f" text  {row % 10}" if row < 50 else f"TEXT {row % 10}" for row in range(100)], ["a", "b"] * 50)
    parts = cut_rows(repeated, dataclasses.replace(TEXTS, held_out=3))
    plain = [{text.lower().split()[1] for text in part.inputs} for part in (parts.train, parts.held_out)]
    assert not plain[0] & plain[1]
    assert parts.train.size == 100 - 10 * len(plain[1])


def test_a_small_subset_has_every_class_and_what_is_measured_on_no_other() -> None:
    for count in range(30, 100):
        parts = cut_rows(rows(count), TEXTS)
        assert set(parts.train.first(3).labels) == set(parts.train.labels) >= set(parts.held_out.labels)


def test_further_subsets_share_no_row_but_those_that_give_each_class_one() -> None:
    train = cut_rows(rows(100), TEXTS).train
    drawn = [drawn_part(train, TEXTS, 20, number) for number in range(3)]
    assert drawn[0] == train.first(20) and [part.size for part in drawn] == [20] * 3
    shared = {text for text, count in Counter(text for part in drawn for text in part.inputs).items() if count > 1}
    assert len(shared) <= 3
    assert all(set(part.labels) == set(train.labels) for part in drawn)
    numbers = Part([f"text {row}" for row in range(50)], [float(row) for row in range(50)])
    plain = dataclasses.replace(TEXTS, kind="numbers")
    assert drawn_part(numbers, plain, 20, 2).labels == [*map(float, range(40, 50)), *map(float, range(10))]
    assert drawn_part(numbers, plain, None, 1) == numbers


def test_pairs_and_sentences_are_told_by_all_their_texts() -> None:
    pairs = Part([["same", f"other {row}"] for row in range(50)], [float(row) for row in range(50)])
    parts = cut_rows(pairs, Corpus("p", "Pairs", "pair_scores", "p.csv", ("a", "b", "score")))
    assert (parts.held_out.size, parts.train.size) == (10, 40)


def test_the_end_of_a_text_is_measured_on_and_the_lines_before_it_learned() -> None:
    lines = [f"line {number:05d}\n" for number in range(1000)]
    book = Corpus("b", "Book", "characters", "book.txt", most=2000)
    parts = cut_text("".join(lines), book)
    assert parts.held_out.inputs == ["".join(lines[900:])]
    # 2,000 characters are 181 lines of 11 and a bit.
    assert parts.train.inputs == ["".join(lines[900 - 181 : 900])]
    assert parts.train.first(100).inputs == ["".join(lines[900 - 181 : 900 - 181 + 9])]
    assert cut_text("".join(lines), dataclasses.replace(book, most=None)).train.inputs == ["".join(lines[:900])]
    assert parts.train.first(10**6) == parts.train


def test_corpora_are_found_by_their_key() -> None:
    assert [find_corpus(corpus.key) for corpus in CORPORA] == list(CORPORA)
    with pytest.raises(ValueError, match="`only` names 'mars'; it may name: trec, tweets"):
        find_corpus("mars")
