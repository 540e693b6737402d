"""Sources and targets from tables, from objects in rows and from two aligned files."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.readers.sequences.reader import SequenceDataArguments, load_sequences


def table(folder: Path, header: str, *rows: str) -> str:
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def rows_of(arguments: SequenceDataArguments, split: str = "train") -> list[tuple[str, str]]:
    rows = load_sequences(arguments).splits[split]
    assert rows.column_names == ["text", "text_b"]
    return list(zip(rows["text"][:], rows["text_b"][:], strict=True))


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("source,target", "a b,c d", ("source", "target")),
        ("id,tgt,src", "7,c d,a b", ("src", "tgt")),
        ("de,en,score", "a b,c d,0.5", ("de", "en")),
        ("summary,document", "c d,a b", ("document", "summary")),
        ("Artigo,Resumo", "a b,c d", ("Artigo", "Resumo")),
        ("left,right", "a b,c d", ("left", "right")),
        ("when,iso,n", "3 de maio,2021-05-03,4", ("when", "iso")),
    ],
)
def test_columns_are_found(
    header: str, row: str, columns: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        data = load_sequences(SequenceDataArguments(train_file=table(tmp_path, header, row)))
    assert data.columns == columns
    assert f"Texts of {columns[0]!r} are read, those of {columns[1]!r} are to be written" in caplog.text
    named = dict(zip(header.split(","), row.split(","), strict=True))
    assert data.splits["train"][0] == {"text": named[columns[0]], "text_b": named[columns[1]]}


def test_one_column_that_is_named_leaves_the_other_to_be_found(tmp_path: Path) -> None:
    path = table(tmp_path, "en,de,fr", "a,b,c")
    assert rows_of(SequenceDataArguments(train_file=path, source_column="fr", target_column="en")) == [("c", "a")]
    two = table(tmp_path, "one,other", "a,b")
    assert rows_of(SequenceDataArguments(train_file=two, source_column="other")) == [("b", "a")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Give `source_column` and `target_column`: .* its columns are 'en'.*'de'.*'fr'"),
        ({"source_column": "en"}, "Give `target_column`"),
        ({"source_column": "pt"}, "`source_column`: there is no column 'pt'"),
        ({"source_column": "en", "target_column": "en"}, "`source_column` and `target_column` are both 'en'"),
    ],
)
def test_columns_that_are_not_certain_are_asked_for(given: dict[str, str], message: str, tmp_path: Path) -> None:
    path = table(tmp_path, "en,de,fr", "a b,b c,c d")
    with pytest.raises(ValueError, match=message):
        load_sequences(SequenceDataArguments(train_file=path, **given))


def test_objects_in_rows_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"id": 1, "translation": {"en": "hello", "de": "hallo"}},
        {"id": 2, "translation": {"en": "bye", "de": "tschau"}},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = load_sequences(SequenceDataArguments(train_file=str(path)))
    assert data.columns == ("translation.en", "translation.de")
    assert data.splits["train"]["text_b"][:] == ["hallo", "tschau"]


def aligned(folder: Path, sources: str, targets: str) -> dict[str, Any]:
    for name, text in (("t.en", sources), ("t.de", targets)):
        (folder / name).write_bytes(text.encode())
    return {"train_file": str(folder / "t.en"), "train_target_file": str(folder / "t.de")}


def test_lines_go_together_whatever_else_ends_a_line_by_unicode(tmp_path: Path) -> None:
    # A line separator and a form feed stay inside of their line; Windows' ends are ends.
    files = aligned(tmp_path, "a\u2028b\r\nc\x0cd\r\nlast", "x\ny\nz\n")
    assert rows_of(SequenceDataArguments(**files)) == [("a\u2028b", "x"), ("c\x0cd", "y"), ("last", "z")]
    assert load_sequences(SequenceDataArguments(**files)).columns == ("en", "de")


def test_the_language_of_a_compressed_file_stands_before_the_ending_of_its_compression(tmp_path: Path) -> None:
    files = aligned(tmp_path, "a\n", "x\n")
    for name, path in files.items():
        files[name] = f"{path}.gz"
        Path(files[name]).write_bytes(gzip.compress(Path(path).read_bytes()))
    data = load_sequences(SequenceDataArguments(**files))
    assert (data.columns, data.splits["train"]["text_b"][:]) == (("en", "de"), ["x"])


def test_files_of_unequal_length_are_refused(tmp_path: Path) -> None:
    files = aligned(tmp_path, "a\nb\nc\n", "x\ny\n")
    with pytest.raises(ValueError, match=r"`train_target_file`=.*t.de' has 2 lines, and `train_file`=.*t.en' has 3"):
        load_sequences(SequenceDataArguments(**files))


def test_empty_lines_are_left_out_together(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = aligned(tmp_path, "a\n\nc\nd\n", "x\ny\n  \nw\n")
    with caplog.at_level(logging.WARNING):
        assert rows_of(SequenceDataArguments(**files)) == [("a", "x"), ("d", "w")]
    assert "2 of 4 train rows are left out: 1 without a source, 1 without a target" in caplog.text
    with pytest.raises(ValueError, match="line 2 of .*t.en has no source"):
        load_sequences(SequenceDataArguments(empty_rows="refuse", **files))


def test_targets_need_their_sources_and_lines_have_no_columns(tmp_path: Path) -> None:
    files = aligned(tmp_path, "a\n", "x\n")
    with pytest.raises(ValueError, match="`test_target_file`='x' needs `test_file`"):
        SequenceDataArguments(test_target_file="x", **files)
    with pytest.raises(ValueError, match="`train_target_file`=.* and a column were both given"):
        SequenceDataArguments(source_column="en", **files)


def test_a_prefix_stands_before_each_source(tmp_path: Path) -> None:
    path = table(tmp_path, "source,target", "a,b")
    found = rows_of(SequenceDataArguments(train_file=path, source_prefix="translate: "))
    assert found == [("translate: a", "b")]


def test_equal_sources_are_held_out_together(tmp_path: Path) -> None:
    rows = [f"source {row % 20},target {row}" for row in range(100)]
    path = table(tmp_path, "source,target", *rows)
    data = load_sequences(SequenceDataArguments(train_file=path, hold_out_percentage=20))
    held, trained = (set(data.splits[split]["text"][:]) for split in ("validation", "train"))
    assert held and not held & trained
