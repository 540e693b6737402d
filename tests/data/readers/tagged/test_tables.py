"""Tables of a sentence a row, as lists or as texts, and of a token a row."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.data.readers.tagged.reading import Tagged, read, sentence


TAGGED = [sentence("Ann/B-PER 's dog ran"), sentence("Rome/B-LOC"), sentence('" O\'Neill/B-PER , "')]
KAGGLE = [("Sentence #", "Word", "POS", "Tag")]


def table(rows: list[tuple[Any, ...]]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def as_pandas(rows: Tagged, form: Any) -> str:
    """What pandas writes to csv of columns that hold lists or arrays."""
    return str(
        pd.DataFrame(
            {"tokens": [form(tokens) for tokens, _ in rows], "ner_tags": [form(tags) for _, tags in rows]}
        ).to_csv(index=False)
    )


@pytest.mark.parametrize(
    "form", [list, np.array, json.dumps, " ".join, tuple], ids=["list", "numpy", "json", "text", "tuple"]
)
def test_lists_in_the_cells_of_a_csv(tmp_path: Path, form: Any) -> None:
    if form is tuple:
        # A tuple is no list that is read: its brackets would be part of words, and their number is another.
        with pytest.raises(ValueError):
            read(tmp_path / "a.csv", as_pandas(TAGGED, form))
        return
    assert read(tmp_path / "a.csv", as_pandas(TAGGED, form)) == TAGGED


def test_arrays_that_numpy_has_shortened_are_refused(tmp_path: Path) -> None:
    """Both lists would be of seven items, the middle of the sentence lost."""
    long = [(["w"] * 1500, ["O"] * 1500)]
    with pytest.raises(ValueError, match=r"`tokens` of the train split, .*is no list of words or tags"):
        read(tmp_path / "a.csv", as_pandas(long, np.array), text_column_name="tokens", label_column_name="ner_tags")


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (("sentence", "word_labels"), ","),
        (("text", "labels"), " "),
        (("texto", "etiquetas"), ", "),
        (("frase", "y"), " "),
        (("Text", "NER"), ","),
    ],
)
def test_a_text_and_its_tags(tmp_path: Path, names: tuple[str, str], joined: str) -> None:
    rows = [names, *((" ".join(tokens), joined.join(tags)) for tokens, tags in TAGGED)]
    assert read(tmp_path / "a.csv", table(rows)) == TAGGED
    lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows[1:]]
    assert read(tmp_path / "a.jsonl", "\n".join(lines)) == TAGGED


def test_parts_of_speech_may_be_commas(tmp_path: Path) -> None:
    rows = [("text", "tags"), ("Yes , sir", "UH , NN"), ("go", "VB")]
    assert read(tmp_path / "a.csv", table(rows)) == [(["Yes", ",", "sir"], ["UH", ",", "NN"]), (["go"], ["VB"])]


def test_numbers_are_named_by_class_names(tmp_path: Path) -> None:
    content = "tokens,tags\n\"['Ann', 'saw']\",\"[1, 0]\"\n\"['x' 'y']\",[0 2]\n"
    found = read(tmp_path / "a.csv", content, class_names="O,B-PER,B-LOC")
    assert found == [sentence("Ann/B-PER saw"), sentence("x y/B-LOC")]


@pytest.mark.parametrize("each", [True, False], ids=["on every row", "on the first row alone"])
@pytest.mark.parametrize("name", ["Sentence #", "sentence_id", "Sent_ID"])
def test_a_token_a_row(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, each: bool) -> None:
    """As in the corpus that Kaggle has of the Groningen Meaning Bank. The words NA and null are words."""
    expected = [*TAGGED, sentence("NA null/B-ORG")]
    rows: list[tuple[Any, ...]] = [(name, "Word", "POS", "Tag")]
    for number, (tokens, tags) in enumerate(expected, start=1):
        for position, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
            rows.append((f"Sentence: {number}" if each or not position else "", token, "NN", tag))
    assert read(tmp_path / "a.csv", table(rows)) == expected
    assert f"Each row is a token: 'Word', its tag: 'Tag', its sentence: {name!r}" in caplog.text
    parts = read(tmp_path / "a.csv", table(rows), task_name="pos", class_names="NN,VB")
    assert [tags for _, tags in parts] == [["NN"] * len(tokens) for tokens, _ in expected]


def test_a_token_a_row_needs_to_know_where_a_sentence_ends(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [("n", "Word", "Tag"), (1, "Ann", "B-PER"), (1, "saw", "O"), (2, "Rome", "B-LOC")]
    with pytest.raises(
        ValueError, match=r"nothing says where a sentence ends: name the column .* `sentence_column`.*'n' "
    ):
        read(tmp_path / "a.csv", table(rows))
    assert read(tmp_path / "a.csv", table(rows), sentence_column="n") == [
        sentence("Ann/B-PER saw"),
        sentence("Rome/B-LOC"),
    ]
    with pytest.raises(ValueError, match="`sentence_column`: there is no column 'm' in the train split"):
        read(tmp_path / "a.csv", table(rows), sentence_column="m")


def test_blank_lines_of_a_csv_end_sentences(tmp_path: Path) -> None:
    content = 'Word,Tag\r\nAnn,B-PER\r\nsaw,O\r\n\r\n",",O\r\nRome,B-LOC\r\n'
    assert read(tmp_path / "a.csv", content) == [sentence("Ann/B-PER saw"), sentence(", Rome/B-LOC")]
    assert read(tmp_path / "b.csv", "Word,Tag\nAnn,B-PER\nsaw,O\n,\nRome,B-LOC\n") == [
        sentence("Ann/B-PER saw"),
        sentence("Rome/B-LOC"),
    ]


def test_a_tag_without_its_token_is_named(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [("sent_id", "Word", "Tag"), (1, "Ann", "B-PER"), (1, "", "O")]
    with pytest.raises(ValueError, match="Column `Word` of the train split, a.csv, line 3.*the token is empty"):
        read(tmp_path / "a.csv", table(rows))
    with pytest.raises(ValueError, match="Column `tags` of the train split, b.csv, line 2: 1 tags for 2 tokens"):
        read(tmp_path / "b.csv", 'text,tags\n"Ann saw",B-PER\n')
