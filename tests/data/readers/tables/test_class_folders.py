"""Tests of hf_rnn/data/readers/tables/class_folders.py: a folder of texts for each class."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from hf_rnn.cli.train_line import TrainLine
from hf_rnn.data.readers.row_stream import open_rows
from hf_rnn.data.readers.tables.class_folders import find_class_folders, find_split_folders
from hf_rnn.data.readers.tables.options import ReadingArguments
from hf_rnn.data.readers.texts import DataArguments, load_text_classification
from hf_rnn.tasks.text_classification.comparing import TextTestArguments, read_texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Texts in folders of two classes, and what computers and people leave beside them."""
    for number in range(3):
        for label in ("pos", "neg"):
            file = tmp_path / label / f"{number}.txt"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"a {label} text,\nnumber {number}\n", encoding="utf-8")
    deeper = tmp_path / "pos" / "more"
    deeper.mkdir()
    (deeper / "without_extension").write_text("não, é bom", encoding="utf-8")
    (deeper / "packed.txt.gz").write_bytes(gzip.compress(b"a packed text"))
    for hidden in (tmp_path / ".DS_Store", tmp_path / "pos" / ".DS_Store", tmp_path / ".git" / "config"):
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_bytes(b"\0\1\2")
    (tmp_path / "README.txt").write_text("about these texts\n", encoding="utf-8")
    (tmp_path / "neg" / "page.html").write_text("<p>", encoding="utf-8")
    return tmp_path


TEXTS = [
    *((f"a neg text,\nnumber {number}", "neg") for number in range(3)),
    *((f"a pos text,\nnumber {number}", "pos") for number in range(3)),
    *(("a packed text", "pos"), ("não, é bom", "pos")),
]


@pytest.mark.parametrize("flag", ["dataset_name", "train_file"])
def test_the_folder_of_a_text_is_its_label(folder: Path, flag: str, caplog: pytest.LogCaptureFixture) -> None:
    data = load_text_classification(DataArguments(**{flag: str(folder)}))
    assert data.label_names == ["neg", "pos"]
    rows = data.splits["train"]
    assert [(row["text"], ["neg", "pos"][row["label"]]) for row in rows] == TEXTS
    assert caplog.messages == [
        f"{folder}: 8 files of one text each; the labels are the names of their folders ('neg' × 3, 'pos' × 5); left "
        "out: README.txt, neg/page.html."
    ]


def test_rows_to_predict_are_in_the_same_order(folder: Path) -> None:
    stream = open_rows(str(folder))
    assert [(row["text"], row["label"]) for row in stream.rows()] == TEXTS  # type: ignore[index]
    assert stream.count is not None
    assert stream.count() == 8


def test_a_model_is_measured_on_all_folders(folder: Path) -> None:
    test = read_texts(TextTestArguments(dataset_name=str(folder)), {"pos": 0, "neg": 1})
    assert [(text, ["pos", "neg"][label]) for text, label in zip(test.inputs, test.references, strict=True)] == TEXTS


def test_a_folder_for_each_split(folder: Path) -> None:
    whole = folder / "pos" / "whole"
    for split in ("train", "Test"):
        for label in ("neg", "pos"):
            file = whole / split / label / "1.txt"
            file.parent.mkdir(parents=True)
            file.write_text(f"{split} {label}", encoding="utf-8")
    assert find_class_folders(whole) is None
    assert sorted(find_split_folders(whole)) == ["test", "train"]
    splits = load_text_classification(DataArguments(dataset_name=str(whole))).splits
    assert {name: rows["text"][:] for name, rows in splits.items()} == {
        "train": ["train neg", "train pos"],
        "test": ["Test neg", "Test pos"],
    }
    words = TrainLine.of(["text-classification", str(whole / "train"), str(whole / "Test")]).words
    assert words == ["--train_file", str(whole / "train"), "--validation_file", str(whole / "Test")]
    assert TrainLine.of(["text-classification", str(folder)]).words == ["--dataset_name", str(folder)]


def test_an_empty_file_is_a_row_without_a_text(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "neg" / "3.txt").write_text(" \n", encoding="utf-8")
    data = load_text_classification(DataArguments(train_file=str(folder)))
    assert len(data.splits["train"]) == 8
    assert "1 of 9 train rows are left out: 1 without a text (the first: neg/3.txt)" in caplog.text


def test_other_encodings(folder: Path) -> None:
    (folder / "neg" / "0.txt").write_bytes("não gostei".encode("utf-16"))
    (folder / "neg" / "1.txt").write_bytes("não gostei".encode("cp1252"))
    found = find_class_folders(folder)
    assert found is not None
    assert [text for text, *_ in found.texts(ReadingArguments(encoding=None))][:2] == ["não gostei", "não gostei"]


@pytest.mark.parametrize("beside", ["train.csv", "a.jsonl", "b.parquet"])
def test_beside_a_table_folders_are_no_classes(folder: Path, beside: str) -> None:
    (folder / beside).write_text("text,label\na,b\n", encoding="utf-8")
    assert find_class_folders(folder) is None


def test_folders_of_something_else_are_no_classes(folder: Path) -> None:
    assert find_class_folders(folder / "pos") is None
    assert find_class_folders(folder / "README.txt") is None
    assert find_split_folders(folder) == {}
    (folder / "empty").mkdir()
    assert find_class_folders(folder) is None


def test_many_classes_and_files_are_not_all_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(7):
        (tmp_path / f"class_{number}").mkdir()
        (tmp_path / f"class_{number}" / "a.txt").write_text("a", encoding="utf-8")
        (tmp_path / f"beside_{number}.md").write_text("a", encoding="utf-8")
    found = find_class_folders(tmp_path)
    assert found is not None
    with caplog.at_level(logging.WARNING):
        found.say()
    assert "'class_4' × 1 and 2 more); left out: beside_0.md" in caplog.text
    assert "beside_4.md and 2 more." in caplog.text
