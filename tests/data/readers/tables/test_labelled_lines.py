"""Tests of hf_rnn/data/readers/tables/labelled_lines.py, and of headers that are repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.data.readers.files import read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN
from hf_rnn.data.readers.row_stream import open_rows
from hf_rnn.data.readers.texts import DataArguments, load_text_classification


LINES = [
    "__label__pos a fine film",
    "",
    "__label__neg  dull, and long",
    "__label__pos __label__new good",
    "__label__neg",
]


def test_labels_stand_in_front_of_each_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "reviews.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    rows = read_rows(str(path))
    assert rows["label"][:] == ["pos", "neg", "pos,new", "neg"]
    assert rows["text"][:] == ["a fine film", "dull, and long", "good", None]
    assert rows[PLACE_COLUMN][:] == [f"reviews.txt, line {line}" for line in (1, 3, 4, 5)]
    assert "read as lines with labels in front (__label__) (--delimiter says otherwise)" in caplog.text


def test_a_classifier_learns_from_them(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"__label__{'pn'[i % 2]} text {i}\n" for i in range(10)), encoding="utf-8")
    data = load_text_classification(DataArguments(train_file=str(path)))
    assert data.label_names == ["n", "p"]
    assert data.splits["train"][1] == {"text": "text 1", "label": 0}


def test_a_line_without_a_label_makes_it_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n".join([*LINES, "no label here"]) + "\n", encoding="utf-8")
    assert read_rows(str(path)).column_names[:-1] != ["label", "text"]


def test_a_header_that_is_repeated_is_no_row(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = "text,label\n" + "".join(f"some words {i},{'ab'[i % 2]}\n" for i in range(600))
    path = tmp_path / "a.csv"
    path.write_text(part * 2, encoding="utf-8")
    rows = read_rows(str(path))
    assert rows["text"][:] == [f"some words {i}" for i in range(600)] * 2
    assert set(rows["label"]) == {"a", "b"}
    assert rows[PLACE_COLUMN][600] == "a.csv, line 603"
    assert "Line 602 repeats the header (text, label), and is left out." in caplog.text
    assert sum(1 for _ in open_rows(str(path)).rows()) == 1200, "predict leaves it out, too"
