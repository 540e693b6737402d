"""Tests of hf_rnn/data/readers/files.py."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from hf_rnn.data.readers.files import expand_path, read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN


ROWS = [{"text": "good, really\ngood", "label": 1}, {"text": 'a "bad" one', "label": 0}, {"text": "é 😀", "label": 1}]


def rows_of(path: str, **arguments) -> list[dict]:
    """The rows without their places."""
    rows = read_rows(path, **arguments)
    return rows.remove_columns([PLACE_COLUMN] if PLACE_COLUMN in rows.column_names else []).to_list()


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def written(folder: Path, extension: str) -> str:
    path = folder / f"rows{extension}"
    data = Dataset.from_list(ROWS)
    if extension == ".parquet":
        data.to_parquet(path)
    elif extension == ".json":
        path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
    elif extension == ".jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n", encoding="utf-8")
    else:
        data.to_pandas().to_csv(path, index=False, sep="\t" if extension == ".tsv" else ",")
    return str(path)


@pytest.mark.parametrize("extension", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_rows_in_order(tmp_path, extension):
    # A file of text says nothing of types.
    expected = [{**row, "label": str(row["label"])} for row in ROWS] if extension in (".csv", ".tsv") else ROWS
    assert rows_of(written(tmp_path, extension)) == expected


def test_json_lines_in_a_json_file(tmp_path):
    path = write(tmp_path / "x.json", '\ufeff{"text": "a\u2028b"}\n{"text": "c"}\n')
    assert read_rows(path)["text"][:] == ["a\u2028b", "c"]


def test_json_columns_that_the_first_row_lacks_are_kept(tmp_path):
    data = read_rows(write(tmp_path / "x.jsonl", '{"text": "a"}\n{"text": "b", "label": 3}\n'))
    assert data["label"][:] == [None, 3]


def test_csv_text_stays_as_written_and_only_an_empty_cell_is_null(tmp_path):
    content = '\ufefftext,label\nNA,1\nNone,2\n007,3\n"",4\n,5\n'
    data = read_rows(write(tmp_path / "x.csv", content))
    assert data["text"][:] == ["NA", "None", "007", "", None]
    assert data["label"][:] == ["1", "2", "3", "4", "5"]


def test_csv_rows_may_be_long(tmp_path):
    text = "word " * 500_000
    data = read_rows(write(tmp_path / "x.csv", f"text,label\na,0\n{text},1\n"))
    assert data["text"][1] == text


def test_a_byte_order_mark_is_no_part_of_the_first_column_name(tmp_path):
    for extension, separator in ((".csv", ","), (".tsv", "\t")):
        path = write(tmp_path / f"x{extension}", f"\ufefftext{separator}label\n007{separator}1\n")
        assert rows_of(path) == [{"text": "007", "label": "1"}]


def test_parquet_keeps_class_labels(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    Dataset.from_list(ROWS, features=features).to_parquet(tmp_path / "x.parquet")
    assert read_rows(str(tmp_path / "x.parquet")).features["label"].names == ["no", "yes"]


def test_environment_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    monkeypatch.setenv("OTHER_FOLDER", "/somewhere")
    assert expand_path("${HF_RNN_CORPORA}/a.csv") == tmp_path / "a.csv"
    assert expand_path("$HF_RNN_CORPORA/a.csv") == tmp_path / "a.csv"
    assert expand_path("${OTHER_FOLDER}/a.csv") == Path("/somewhere/a.csv")
    assert expand_path("~/a.csv") == Path.home() / "a.csv"
    monkeypatch.delenv("HF_RNN_CORPORA")
    assert expand_path("${HF_RNN_CORPORA}/a.csv") == Path("../shared/data/a.csv")
    with pytest.raises(ValueError, match="'HF_RNN_NO_SUCH'"):
        expand_path("${HF_RNN_NO_SUCH}/a.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pdf", "a", r"extension '.pdf'; it must be one of .csv"),
        ("x.xml.gz", "a", "extension '.xml'"),
        ("x.txt", "a", "has no rows .*`--no_header` reads its first row as data"),
        ("x.csv", "", "is empty"),
        ("x.csv", "text,label\n", r"has no rows \(columns: text, label\)"),
        (
            "x.csv",
            "text,label\na,1\nb,2,3\n",
            r"line 3: 3 cells, and the first row has 2 \(text, label\): 'b,2,3'.*`--delimiter`",
        ),
        ("x.csv", 'text,label\n\n"a\nb",1\n"c\n', "line 5: a quote opens here and never closes.*`--quotes none`"),
        ("x.csv", 'text,label\n"a, b" c,1\nd,2\n', "line 2: a cell goes on after the quote that closes it"),
        ("x.csv", "text,text\na,b\n", "more than one column named 'text'"),
        ("x.csv", b"text,label\n\xff\xfe,1\n", "is not UTF-8, and may be .*`--encoding`"),
        (
            "x.csv",
            "text,label\nnão,1\n".encode() + b"n\xe3o,1\n",
            "line 3: this line is not UTF-8, and others are.*`--enc",
        ),
        ("x.csv", b"text\n\x80\x04\x01\x00\x02", "it is no text"),
        ("x.json", "[]", "has no rows"),
        ("x.json", '{\n "data": []\n}', "has no rows"),
        ("x.json", '{"a": {"b": 1}, "c": {"d": 2}}', "an object of objects"),
        ("x.json", '{"a": [1, 2], "b": [1]}', "its columns must have equally many values, and a has 2, b has 1"),
        ("x.json", '{"a": [{}], "b": [{}]}', "several lists of rows"),
        ("x.json", '[{"a": 1},\n{"a": ]', "line 2: not valid JSON"),
        ("x.json", '[{"a": 1}, 3]', "item 1: expected an object with the columns, found 3"),
        ("x.jsonl", '{"a": 1}\n\n{"a": \n', r"line 3: not valid JSON"),
        ("x.jsonl", '{"a": 1}\n"b"\n', "line 2: expected an object"),
        ("x.jsonl", '{"a": 1}\n{"a": "b"}\n', r"line 2: column `a` holds a text \('b'\), and line 1 a number"),
        ("x.parquet", "PAR1 not really", "not a readable parquet file"),
        ("x.parquet", "text,label", "not a readable parquet file"),
        ("x.csv.gz", b"\x1f\x8b\x08 not really", "gzip data are damaged"),
        ("x.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "extension '.xlsx'"),
        ("x.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of Excel; save the sheet as csv"),
        ("x.csv", b"PK\x03\x04 not really", "zip data are damaged"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match=message) as raised:
        read_rows(path)
    assert path in str(raised.value)


def test_parquet_without_rows(tmp_path):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="has no rows"):
        read_rows(str(tmp_path / "x.parquet"))


def test_missing_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_RNN_CORPORA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"HF_RNN_CORPORA}/no.csv' does not exist \(looked for '/"):
        read_rows("${HF_RNN_CORPORA}/no.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileNotFoundError):
        read_rows(str(tmp_path / "folder.csv"))
