"""Rows are read one after the other, and a bad one is named in its place."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from hf_rnn.data.readers.files import read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN
from hf_rnn.data.readers.row_stream import BadRow, open_rows
from hf_rnn.inference.inputs import find_columns


def rows_of(path: str) -> list[dict[str, Any]]:
    return read_rows(path).remove_columns(PLACE_COLUMN).to_list()


def test_rows_are_those_of_the_reader_of_training(tmp_path: Path) -> None:
    text = 'text,label\n"a, ""b""\nc",1\nNA,007\n"",x\nd,e\n'
    for name, written in (("a.csv", text), ("a.tsv", text.replace(",", "\t"))):
        path = tmp_path / name
        path.write_text(written, encoding="utf-8")
        assert list(open_rows(str(path)).rows()) == rows_of(str(path))
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "a", "n": 1}\n\n{"text": null, "n": 2}\n', encoding="utf-8")
    assert list(open_rows(str(lines)).rows()) == rows_of(str(lines))


def test_a_cell_may_be_as_long_as_a_book(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "word " * 100_000 + "\n", encoding="utf-8")
    (row,) = open_rows(str(path)).rows()
    assert not isinstance(row, BadRow)
    assert len(row["text"]) == 500_000


def test_a_file_of_any_length_is_read_a_row_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "word\n" * 50_000, encoding="utf-8")
    stream = open_rows(str(path))
    assert stream.count is not None and stream.count() == 50_000
    rows = stream.rows()
    assert len(list(itertools.islice(rows, 2))) == 2
    # Written after the reader began: a reader of the whole file would miss it.
    with path.open("a", encoding="utf-8") as file:
        file.write("word\n" * 100_000)
    assert sum(1 for _ in rows) == 149_998


def test_columns_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("-DOCSTART- O\n\n# a comment\nEU NNP B-ORG\n# NN\n\n\nPeter B-PER\n", encoding="utf-8")
    assert list(open_rows(str(path)).rows()) == [{"tokens": ["EU", "#"]}, {"tokens": ["Peter"]}]


def test_the_identity_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\nword\n", encoding="utf-8")
    before = open_rows(str(path)).identity
    assert before == open_rows(str(path)).identity
    path.write_text("text\nwork\n", encoding="utf-8")
    assert open_rows(str(path)).identity != before


def test_the_split_of_a_dataset(tmp_path: Path) -> None:
    splits = DatasetDict({name: Dataset.from_dict({"text": [name] * 3}) for name in ("train", "validation")})
    for name, rows in splits.items():
        rows.to_parquet(tmp_path / "data" / f"{name}.parquet")
    stream = open_rows(str(tmp_path / "data"), "validation")
    assert list(stream.rows()) == [{"text": "validation"}] * 3
    with pytest.raises(ValueError, match="has the splits train, validation; name one of them"):
        open_rows(str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "text,text\na,b\n", "has more than one column named 'text'"),
        ("a.csv", "", "is empty"),
        ("a.json", "[1, \n", r"line 2: not valid JSON"),
        ("a.jsonl", "text\n", "line 1: not valid JSON"),
        ("a.parquet", "text\n", "is not a readable parquet file"),
    ],
)
def test_what_is_no_such_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        list(open_rows(str(path)).rows())


@pytest.mark.parametrize(
    ("name", "row"), [("a.fasttext.txt", "__label__{1} {0}\n"), ("a.txt", "{0}\t{1}\n"), ("b.txt", "{1}\t{0}\n")]
)
def test_labels_beside_a_text_are_no_part_of_it(tmp_path: Path, name: str, row: str) -> None:
    texts = [f"a fine film that I liked {number}" for number in range(20)]
    path = tmp_path / name
    path.write_text("".join(row.format(text, "fn"[i % 2]) for i, text in enumerate(texts)), encoding="utf-8")
    rows = list(open_rows(str(path)).rows())
    columns = find_columns(rows, ("text", "pair"))
    assert [columns.input_of(one) for one in rows] == texts


def test_a_tab_between_two_texts_divides_no_label(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"one question\tanswer {number}\n" for number in range(20)), encoding="utf-8")
    assert open_rows(str(path)).is_plain
