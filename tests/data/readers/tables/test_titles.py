"""Tests of hf_rnn/data/readers/tables/titles.py: lines above the header are no rows and no names of columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_rnn.data.readers.files import read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN
from hf_rnn.data.readers.tables.options import ReadingArguments


ROWS = "".join(f"a text number {i},{('neg', 'pos')[i % 2]}\n" for i in range(6))


def read(path: Path, content: str, **options: object) -> tuple[list[str], list[str]]:
    """The names of the columns and the places of the rows."""
    path.write_text(content, encoding="utf-8")
    rows = read_rows(str(path), ReadingArguments(**options))  # type: ignore[arg-type]
    return [name for name in rows.column_names if name != PLACE_COLUMN], rows[PLACE_COLUMN][:]


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("My survey 2024,\n,\n", "without the 2 lines above the header ('My survey 2024')"),
        ("My survey 2024\n\n", "without the 2 lines above the header ('My survey 2024')"),
        ("The text of our survey\n", "without the line above the header ('The text of our survey')"),
        ("Survey,\nExported on 2024-03-01,\n,\n", "without the 3 lines above the header ('Survey')"),
        (",\n", "without the line above the header (--no_header false says otherwise)"),
        ('"A survey,\nmade in 2024",\n', "without the 2 lines above the header ('A survey,\\nmade in 2024')"),
        ("sep=,\nSurvey,\n", "without the line above the header ('Survey')"),
    ],
)
def test_titles_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, above: str, said: str) -> None:
    names, places = read(tmp_path / "a.csv", f"{above}text,label\n{ROWS}")
    assert names == ["text", "label"]
    assert len(places) == 6
    assert places[0] == f"a.csv, line {above.count(chr(10)) + 2}"
    assert said in caplog.text


def test_titles_of_wide_tables_and_other_delimiters(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = "".join(f"{i};comment number {i};{i % 5};yes;no;{i % 2}\n" for i in range(8))
    content = f"Store survey;2024;;;;\n;;;;;\nNº;Comment;Rating;Q1;Q2;Q3\n{rows}"
    names, places = read(tmp_path / "a.csv", content)
    assert (names, len(places)) == (["Nº", "Comment", "Rating", "Q1", "Q2", "Q3"], 8)
    assert "without the 2 lines above the header ('Store survey')" in caplog.text


@pytest.mark.parametrize(
    ("content", "names"),
    [
        # The index has no name, or the labels have none, or most columns have none.
        (",text\n" + "".join(f"{i},some words {i}\n" for i in range(6)), ["Unnamed: 0", "text"]),
        (",x\n" + "".join(f"p{i},some words {i}\n" for i in range(6)), ["Unnamed: 0", "x"]),
        (f"text,\n{ROWS}", ["text", "Unnamed: 1"]),
        ("v1,v2,,,\n" + "".join(f"{'ab'[i % 2]},some words {i},,,\n" for i in range(6)), None),
        # The row below is none of names: the first lacks its second cell, whatever it is.
        (f"a text without,\n{ROWS}", ["a text without", "Unnamed: 1"]),
        # A title above one column looks like a name.
        ("My survey\nsome words\nmore words\nothers\nand others\nand these\n", ["My survey"]),
    ],
)
def test_what_is_no_title(tmp_path: Path, content: str, names: list[str] | None) -> None:
    found, places = read(tmp_path / "a.csv", content)
    assert found == (names or ["v1", "v2", "Unnamed: 2", "Unnamed: 3", "Unnamed: 4"])
    assert len(places) == content.count("\n") - 1


def test_what_may_be_a_title_is_asked_for(tmp_path: Path) -> None:
    rows = "".join(f"it was {i} times good,and {i} times not\n" for i in range(6))
    content = f"My survey 2024,\n,\nWhat did you like?,What not?\n{rows}"
    with pytest.raises(
        ValueError, match=r"a.csv', line 3: this line looks like the header.*delete the lines above it"
    ):
        read(tmp_path / "a.csv", content)
    assert read(tmp_path / "a.csv", content, no_header=False)[0] == ["My survey 2024", "Unnamed: 1"]
