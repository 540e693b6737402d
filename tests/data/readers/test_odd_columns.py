"""Tables that were once read as something else without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.data.readers.documents import LanguageDataArguments, load_language_data
from hf_rnn.data.readers.pairs import PairDataArguments, load_pairs
from hf_rnn.data.readers.row_stream import open_rows
from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from hf_rnn.data.readers.texts import DataArguments, load_text_classification


def written(path: Path, header: str, *rows: str) -> str:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_percentages_are_scores_of_pairs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"a first text {i},a second text {i},{i}%" for i in range(0, 101, 4)]
    data = load_pairs(PairDataArguments(train_file=written(tmp_path / "a.csv", "s1,s2,sim", *rows)))
    assert data.kind == "scores"
    assert data.splits["train"]["label"][:] == pytest.approx([i / 100 for i in range(0, 101, 4)])
    assert "labels from 'sim'" in caplog.text


def test_a_column_that_is_not_read_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"a first text {i},a second text {i},2024-01-{i:02}" for i in range(1, 29)]
    data = load_pairs(PairDataArguments(train_file=written(tmp_path / "a.csv", "anchor,positive,day", *rows)))
    assert data.kind == "positives"
    assert "no column of labels is found; 'day' is not read" in caplog.text


def test_days_that_come_again_are_no_labels_of_pairs(tmp_path: Path) -> None:
    rows = [f"a first text {i},a second text {i},2024-01-{1 + i % 4:02},{i % 2}" for i in range(16)]
    data = load_pairs(PairDataArguments(train_file=written(tmp_path / "a.csv", "a,b,asked on,verdict", *rows)))
    assert data.splits["train"]["label"][:] == [float(i % 2) for i in range(16)]


@pytest.mark.parametrize("name", ["distance", "Different", "diferença", "cosine_distance"])
def test_a_column_of_unlikeness_is_not_learnt_the_wrong_way_round(tmp_path: Path, name: str) -> None:
    rows = [f"a first text {i},a second text {i},{i % 2}" for i in range(8)]
    path = written(tmp_path / "a.csv", f"text1,text2,{name}", *rows)
    with pytest.raises(ValueError, match="how unlike the texts are, and 1 must mean alike.*`label_kind`"):
        load_pairs(PairDataArguments(train_file=path, label_column_name=name))
    given = load_pairs(PairDataArguments(train_file=path, label_column_name=name, label_kind="labels"))
    assert given.splits["train"]["label"][:] == [float(i % 2) for i in range(8)]


def test_numbered_columns_are_no_pair_by_their_numbers(tmp_path: Path) -> None:
    genres = ("main-news", "forum-post", "captions")
    rows = [
        f"{genres[i % 3]}\tset-{i % 2}\t{i / 4}\tthe first sentence {i} is here\tand a second one {i} too"
        for i in range(20)
    ]
    path = written(tmp_path / "a.tsv", rows[0], *rows[1:])
    data = load_pairs(PairDataArguments(train_file=path, label_column_name="column_2"))
    assert data.splits["train"][1]["text"] == "the first sentence 1 is here"
    assert data.splits["train"][1]["text_b"] == "and a second one 1 too"


def test_tags_in_front_of_their_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "a.conll", "B-PER\tKofi", "I-PER\tAnnan", "O\tspoke", "", "B-LOC\tRome", "O\tis")
    data = load_token_classification(TokenDataArguments(train_file=path))
    assert data.splits["train"]["tokens"][:] == [["Kofi", "Annan", "spoke"], ["Rome", "is"]]
    assert data.label_names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert "the tokens are taken from column 1, the tags from column 0" in caplog.text


def test_tags_that_are_numbers_are_spoken_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["Ann", "ran"], "ner_tags": [1, 0]}\n', encoding="utf-8")
    load_token_classification(TokenDataArguments(train_file=str(path)))
    assert "The tags are numbers without names; --class_names names them" in caplog.text


def test_what_spells_out_nothing_is_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*(f"some words {i},{'ab'[i % 2]}" for i in range(6)), "NaN,a", "null,b", "None,a", "#N/A,b"]
    data = load_text_classification(DataArguments(train_file=written(tmp_path / "a.csv", "text,label", *rows)))
    assert data.splits["train"]["text"][:] == [*(f"some words {i}" for i in range(6)), "None"]
    assert "3 of 10 train rows are left out: 3 without a text" in caplog.text


def test_numbers_for_the_classes_of_a_model_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "a.csv", "text,label", *(f"some words {i},{i % 2}" for i in range(6)))
    data = load_text_classification(DataArguments(train_file=path), label2id={"neg": 0, "pos": 1})
    assert data.splits["train"]["label"][:] == [0, 1] * 3
    assert "0 is 'neg', 1 is 'pos', by the order of the classes" in caplog.text


def test_a_column_of_splits_is_spoken_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [f"some words {i},{'ab'[i % 2]},{('train', 'test')[i % 3 == 0]}" for i in range(8)]
    load_text_classification(DataArguments(train_file=written(tmp_path / "a.csv", "text,label,split", *rows)))
    assert "Column 'split' marks rows as test, train, and is not read: all of them are trained on." in caplog.text


def test_documents_are_found_by_the_name_of_their_column(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "a.csv", "headline;body", *(f"t {i};a longer text with {i} words" for i in range(4)))
    data = load_language_data(LanguageDataArguments(train_file=path))
    assert data.splits["train"] == [f"a longer text with {i} words" for i in range(4)]
    assert "Texts are read from 'body' (--text_column_name names another)." in caplog.text
    numbers = written(tmp_path / "b.csv", "n,m", "1,2", "3,4")
    with pytest.raises(ValueError, match="Give `text_column_name`: in the train split no column is certain"):
        load_language_data(LanguageDataArguments(train_file=numbers))


def test_a_file_of_conllu_is_answered_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.conllu", "# text = Rome is", "1\tRome\tX", "2\tis\tX", "")
    assert list(open_rows(path).rows()) == [{"tokens": ["Rome", "is"]}]


@pytest.mark.parametrize("text", ["dull, and long {i}", '"dull, and long {i}"'])
def test_a_space_before_a_quote_is_no_part_of_a_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    quoted = text.startswith('"')
    rows = [f'{text.format(i=i) if quoted else f"dull {i}"}, "{("pos", "neg")[i % 2]}"' for i in range(8)]
    data = load_text_classification(DataArguments(train_file=written(tmp_path / "a.csv", "text, label", *rows)))
    assert data.label_names == ["neg", "pos"]
    assert data.splits["train"]["text"][:] == [f"dull, and long {i}" if quoted else f"dull {i}" for i in range(8)]
    assert "with double quotes after a space (--quotes says otherwise)" in caplog.text


def test_a_space_before_a_quote_of_a_text_stays(tmp_path: Path) -> None:
    rows = [f'he said, "no" {i}\t{i % 2}' for i in range(8)]
    data = load_text_classification(DataArguments(train_file=written(tmp_path / "a.tsv", "text\tlabel", *rows)))
    assert data.splits["train"]["text"][:] == [f'he said, "no" {i}' for i in range(8)]
