"""Text for language models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.readers.documents import LanguageDataArguments, load_language_data


LINES = "a line\n  another \n\nthe end"


def written(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_bytes(content.encode())
    return str(path)


def rows(folder: Path, name: str, texts: list[Any]) -> str:
    return written(folder, name, "".join(json.dumps({"text": text, "label": -1}) + "\n" for text in texts))


def loaded(**values: Any) -> dict[str, list[str]]:
    return load_language_data(LanguageDataArguments(**values)).splits


def test_a_plain_file_is_one_text_as_it_is(tmp_path) -> None:
    path = written(tmp_path, "a.txt", LINES)
    data = load_language_data(LanguageDataArguments(train_file=path, validation_file=path))
    assert data.splits == {"train": [LINES], "validation": [LINES]}
    assert data.one_text
    assert data.dataset_name == path


def test_line_ends_of_windows_are_line_feeds(tmp_path) -> None:
    assert loaded(train_file=written(tmp_path, "a.txt", "a\r\nb"))["train"] == ["a\nb"]


def test_the_end_of_a_text_is_held_out(tmp_path) -> None:
    path = written(tmp_path, "a.txt", "0123456789" * 10)
    splits = loaded(train_file=path, validation_split_percentage=5, test_split_percentage=10)
    assert [len(splits[split][0]) for split in ("train", "validation", "test")] == [85, 5, 10]
    assert "".join(splits[split][0] for split in ("train", "validation", "test")) == "0123456789" * 10


def test_the_end_of_a_text_is_held_out_by_default(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "text.txt").write_text("a" * 90 + "b" * 10)
    path = str(tmp_path / "text.txt")
    data = load_language_data(LanguageDataArguments(train_file=path, hold_out_percentage=10))
    assert data.splits == {"train": ["a" * 90], "validation": ["b" * 10]}
    assert "There is no validation split: the last 10 % of the text are held out." in caplog.text
    given = LanguageDataArguments(train_file=path, validation_file=path, hold_out_percentage=10)
    assert load_language_data(given).splits["train"] == ["a" * 90 + "b" * 10]


def test_documents_are_rows_of_which_some_are_held_out(tmp_path) -> None:
    texts = [f"text {index}" for index in range(20)]
    path = rows(tmp_path, "a.jsonl", texts)
    splits = loaded(train_file=path, validation_split_size=5, max_train_samples=10)
    assert (len(splits["train"]), len(splits["validation"])) == (10, 5)
    assert set(splits["train"]) | set(splits["validation"]) < set(texts)
    assert not set(splits["train"]) & set(splits["validation"])


def test_unlabelled_texts_are_trained_on_alone(tmp_path) -> None:
    splits = loaded(
        train_file=rows(tmp_path, "a.jsonl", ["a", "b"]),
        validation_file=rows(tmp_path, "b.jsonl", ["c"]),
        unlabelled_file=rows(tmp_path, "c.jsonl", ["d", "e"]),
    )
    assert splits == {"train": ["a", "b", "d", "e"], "validation": ["c"]}


@pytest.mark.parametrize("name", ["validation_split_size", "max_train_samples", "max_eval_samples"])
def test_rows_of_one_text(tmp_path, name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`=3 counts rows, and the training split is one text"):
        loaded(train_file=written(tmp_path, "a.txt", LINES), **{name: 3})


def test_a_split_that_is_given_and_held_out(tmp_path) -> None:
    path = written(tmp_path, "a.txt", LINES)
    with pytest.raises(ValueError, match="validation split was given and another is to be held out"):
        loaded(train_file=path, validation_file=path, validation_split_percentage=10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is empty but for"),
        ("ação".encode() + b" \xe3", "line 1: this line is not UTF-8"),
    ],
)
def test_unreadable_text(tmp_path, content: bytes, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        loaded(train_file=str(path))


def test_a_row_without_text_is_left_out_and_counted(tmp_path, caplog) -> None:
    path = rows(tmp_path, "a.jsonl", ["a", None, "b", " "])
    assert loaded(train_file=path)["train"] == ["a", "b"]
    assert "2 of 4 train rows are left out: 2 without a text (the first: a.jsonl, line 2)" in caplog.text
    with pytest.raises(ValueError, match="a.jsonl, line 2 has no text"):
        loaded(train_file=path, empty_rows="refuse")


@pytest.mark.parametrize("name", ["code.py", "notes.md", "page.tex", "book"])
def test_a_file_of_another_extension_is_one_text(tmp_path, name: str) -> None:
    text = "def f(x):\n    return x, 1\n"
    assert loaded(train_file=written(tmp_path, name, text)) == {"train": [text]}
