"""One test a shape of file: what people have, the rows that it holds, and what is said of it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import logging
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from hf_rnn.data.readers.documents import LanguageDataArguments, load_language_data
from hf_rnn.data.readers.files import files_of, names_files, read_rows
from hf_rnn.data.readers.places import PLACE_COLUMN, place_of_row
from hf_rnn.data.readers.row_stream import BadRow, open_rows
from hf_rnn.data.readers.sources import SourceArguments, read_splits
from hf_rnn.data.readers.tables.options import ReadingArguments
from hf_rnn.data.readers.texts import DataArguments, load_text_classification


PLAIN = "text,label\nnão gostei,neg\nbom,pos\n"
ROWS = [("não gostei", "neg"), ("bom", "pos")]
OBJECTS = [{"text": "a", "label": 1}, {"text": "b", "label": 0}]


def archive(members: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in members.items():
            written.writestr(name, content)
    return stream.getvalue()


def read(folder: Path, name: str, content: str | bytes, **options) -> tuple[list[str], list[tuple]]:
    """The names of the columns and the cells of each row."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = read_rows(str(path), ReadingArguments(**options)).remove_columns(PLACE_COLUMN)
    return rows.column_names, [tuple(row.values()) for row in rows.to_list()]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", PLAIN.encode("utf-8-sig"), ""),
        ("a.csv", PLAIN.encode("utf-16"), ""),
        ("a.csv", PLAIN.encode("utf-32"), ""),
        ("a.csv", b"\xfe\xff" + PLAIN.encode("utf-16-be"), ""),
        ("a.csv", PLAIN.encode("utf-16-le"), "read as utf-16-le (--encoding says otherwise)"),
        ("a.csv", PLAIN.encode("utf-16-be"), "read as utf-16-be (--encoding says otherwise)"),
        ("a.csv", PLAIN.encode("cp1252"), "read as cp1252 (--encoding says otherwise)"),
        ("a.csv", PLAIN.replace("\n", "\r"), ""),
        ("a.csv", PLAIN.replace("\n", "\r\n"), ""),
        ("a.csv", PLAIN.replace(",", ";"), "read with the delimiter ';' (--delimiter says otherwise)"),
        ("a.csv", PLAIN.replace(",", "\t"), "read with the delimiter tab (--delimiter says otherwise)"),
        ("a.tsv", PLAIN, "read with the delimiter ',' (--delimiter says otherwise)"),
        ("a.tsv", PLAIN.replace(",", "\t"), ""),
        ("a.txt", PLAIN.replace(",", "\t"), "read with the delimiter tab (--delimiter says otherwise)"),
        ("a", PLAIN.replace(",", "|"), "read with the delimiter '|' (--delimiter says otherwise)"),
        ("a.csv", "sep=;\n" + PLAIN.replace(",", ";"), "read with the delimiter ';'"),
        ("a.csv", PLAIN.replace("\n", "\n\n"), ""),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0), ""),
        ("a.csv.bz2", bz2.compress(PLAIN.encode()), ""),
        ("a.csv.xz", lzma.compress(PLAIN.encode()), ""),
        ("a.csv.zst", pa.compress(PLAIN.encode(), codec="zstd", asbytes=True), ""),
        ("a.zip", archive({"a.csv": PLAIN, "__MACOSX/._a.csv": "x"}), ""),
        # The name says that it is not compressed.
        ("a.csv", gzip.compress(PLAIN.encode(), mtime=0), ""),
    ],
)
def test_the_same_table_however_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: str | bytes, said: str
) -> None:
    assert read(tmp_path, name, content) == (["text", "label"], ROWS)
    assert said in caplog.text if said else caplog.text == ""
    # The same rows reach `hf-rnn predict`.
    options = ReadingArguments(delimiter="tab") if name == "a.txt" else ReadingArguments()
    if name != "a":
        assert [tuple(row.values()) for row in open_rows(str(tmp_path / name), options=options).rows()] == ROWS


def test_quotes_of_rfc_4180(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = 'text,label\n"good, ""really""\r\nfine",pos\n"",neg\n,neg\nNA,007\n'
    expected = [('good, "really"\r\nfine', "pos"), ("", "neg"), (None, "neg"), ("NA", "007")]
    assert read(tmp_path, "a.csv", content)[1] == expected
    assert caplog.text == ""


@pytest.mark.parametrize(
    "rows",
    [
        # Between two stray quotes are rows with labels of their own.
        ['"good\tpos', "bad\tneg", "fine\tpos", 'ugly"\tneg', "ok\tpos"],
        ['"good\tpos', "bad\tneg", '5" ugly\tneg'],
        ['"good" film\tpos', "bad\tneg"],
        ['film "x"\tpos', '"x" film "y"\tneg'],
    ],
)
def test_quotes_that_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[str]) -> None:
    found = read(tmp_path, "a.tsv", "\n".join(["text\tlabel", *rows]) + "\n")
    assert found[1] == [tuple(row.split("\t")) for row in rows]
    assert "a.tsv: read with no quotes (--quotes says otherwise)." in caplog.text


def test_a_quote_that_swallows_rows_far_below_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hf_rnn.data.readers.tables.layouts.SAMPLE_CHARACTERS", 1000)
    rows = [*["good,pos", "bad,neg"] * 5000, '"fine,pos', 'ugly",neg']
    content = "text,label\n" + "\n".join(rows) + "\n"
    with pytest.raises(ValueError, match=r"line 10002: a quote opens here.*`--quotes none`.*`--quotes double`"):
        read(tmp_path, "a.csv", content)
    assert len(read(tmp_path, "a.csv", content, quotes="none")[1]) == 10_002
    assert read(tmp_path, "a.csv", content, quotes="double")[1][-1] == ("fine,pos\nugly", "neg")
    bad = list(open_rows(str(tmp_path / "a.csv")).rows())[-1]
    assert isinstance(bad, BadRow) and bad.line == 10_002


def test_backslashes_before_quotes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = 'text,label\n"He said \\"hi\\", ok",pos\n"C:\\new, old",neg\n'
    assert read(tmp_path, "a.csv", content)[1] == [('He said "hi", ok', "pos"), ("C:\\new, old", "neg")]
    doubled = 'text,label\n"He said \\"hi\\", ok",pos\n"C:\\\\new, old",neg\n'
    assert read(tmp_path, "b.csv", doubled)[1] == [('He said "hi", ok', "pos"), ("C:\\new, old", "neg")]
    assert 'double quotes with \\" for quotes in them (--quotes' in caplog.text


def test_single_quotes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = "text,label\n'good, really',pos\n'it''s, bad',neg\n"
    assert read(tmp_path, "a.csv", content)[1] == [("good, really", "pos"), ("it's, bad", "neg")]
    assert "with single quotes (--quotes" in caplog.text
    # Apostrophes are none.
    apostrophes = "text,label\n'tis good,pos\ndon't,neg\n"
    assert read(tmp_path, "b.csv", apostrophes)[1] == [("'tis good", "pos"), ("don't", "neg")]


def test_one_column_of_texts_full_of_commas(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path, "a.csv", "text\ngood, really, yes\nbad\n") == (
        ["text"],
        [("good, really, yes",), ("bad",)],
    )
    assert "as one column (--delimiter says otherwise)" in caplog.text
    assert read(tmp_path, "b.csv", "a, b\nc, d\n", delimiter="none", no_header=True)[1] == [("a, b",), ("c, d",)]


def test_a_header_or_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = "good film,pos\nbad,neg\nugly,neg\nfine,pos\n"
    rows = [tuple(line.split(",")) for line in content.splitlines()]
    assert read(tmp_path, "a.csv", content) == (["column_0", "column_1"], rows)
    assert "without a header (the columns are column_0, column_1) (--no_header false says otherwise)" in caplog.text
    assert read(tmp_path, "a.csv", content, no_header=False) == (["good film", "pos"], rows[1:])
    caplog.clear()
    assert read(tmp_path, "b.csv", "utterance,intent\nhi,x\nho,y\n")[1] == [("hi", "x"), ("ho", "y")]
    assert "first row as names of columns ('utterance', 'intent') (--no_header says otherwise)" in caplog.text
    assert read(tmp_path, "b.csv", "utterance,intent\nhi,x\nho,y\n", no_header=True)[1][0] == ("utterance", "intent")
    # A name above numbers is no number, and a row of numbers above them is one of them.
    assert read(tmp_path, "c.csv", "a,b\n1,x y\n2,z y\n")[0] == ["a", "b"]
    assert read(tmp_path, "c.csv", "3,q y\n1,x y\n2,z y\n")[0] == ["column_0", "column_1"]


def test_columns_without_a_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", ",text, label \n0,a,x\n1,b,y\n")[0] == ["Unnamed: 0", "text", "label"]


def test_rows_of_delimiters_alone_are_empty_rows_and_blank_lines_are_none(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "text,label\n\n,\n  \nx,\n")[1] == [(None, None), ("x", None)]


def test_nul_characters(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "text,label\na\0b,x\nc,y\n")[1] == [("a\0b", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps({"version": 1, "data": OBJECTS})),
        ("a.json", json.dumps({"data": OBJECTS}, indent=1)),
        ("a.json", json.dumps({"text": ["a", "b"], "label": [1, 0]})),
        ("a.json", json.dumps({"text": {"0": "a", "1": "b"}, "label": {"0": 1, "1": 0}})),
        ("a.json", json.dumps({"0": OBJECTS[0], "1": OBJECTS[1]})),
        ("a.json", json.dumps({"columns": ["text", "label"], "index": [0, 1], "data": [["a", 1], ["b", 0]]})),
        ("a.ndjson", "\n".join(map(json.dumps, OBJECTS))),
        ("a.csv", "\n".join(map(json.dumps, OBJECTS))),
        ("a.jsonl.gz", gzip.compress("\n".join(map(json.dumps, OBJECTS)).encode("utf-16"), mtime=0)),
    ],
)
def test_shapes_of_json(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read(tmp_path, name, content) == (["text", "label"], [("a", 1), ("b", 0)])
    assert list(open_rows(str(tmp_path / name)).rows()) == OBJECTS


def test_a_sentence_of_tokens_is_a_row(tmp_path: Path) -> None:
    sentence = {"tokens": ["a", "b"], "tags": ["O", "O"]}
    for name in ("a.jsonl", "a.json"):
        assert read(tmp_path, name, json.dumps(sentence))[1] == [(["a", "b"], ["O", "O"])]


def test_columnar_files(tmp_path: Path) -> None:
    rows = Dataset.from_list(OBJECTS)
    rows.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes(), mtime=0))
    (tmp_path / "c.csv").write_bytes((tmp_path / "a.parquet").read_bytes())
    feather.write_feather(rows.data.table, str(tmp_path / "d.feather"))
    with pa.ipc.new_stream(tmp_path / "e.arrow", rows.data.table.schema) as stream:
        stream.write_table(rows.data.table)
    for name in ("a.parquet", "b.parquet.gz", "c.csv", "d.feather", "e.arrow"):
        assert read_rows(str(tmp_path / name)).to_list() == OBJECTS, name
        assert list(open_rows(str(tmp_path / name)).rows()) == OBJECTS, name


def test_workbooks_and_archives_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it is a workbook; save the sheet as csv"):
        read(tmp_path, "a.csv", archive({"xl/workbook.xml": "<x/>"}))
    with pytest.raises(ValueError, match="holds the files a.csv, b.csv; unpack it and name the one to read"):
        read(tmp_path, "a.zip", archive({"a.csv": PLAIN, "b.csv": PLAIN}))


NESTED = [
    {"id": i, "data": {"text": f"some words {i}", "meta": {"lang": "en"}}, "y": {"label": i % 2}} for i in range(6)
]


@pytest.mark.parametrize("extension", ["jsonl", "json", "parquet"])
def test_parts_of_objects_are_columns_with_dotted_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, extension: str
) -> None:
    path = tmp_path / f"a.{extension}"
    if extension == "parquet":
        Dataset.from_list(NESTED).to_parquet(path)
    else:
        lines = "\n".join(map(json.dumps, NESTED))
        path.write_text(lines if extension == "jsonl" else json.dumps(NESTED), encoding="utf-8")
    flat = {"id": 3, "data.text": "some words 3", "data.meta.lang": "en", "y.label": 1}
    rows = read_rows(str(path))
    assert {name: value for name, value in rows[3].items() if name != PLACE_COLUMN} == flat
    assert list(open_rows(str(path)).rows())[3] == flat
    data = load_text_classification(DataArguments(train_file=str(path)))
    assert data.splits["train"][3] == {"text": "some words 3", "label": 1}
    assert "Texts are read from 'data.text', labels from 'y.label'" in caplog.text
    named = DataArguments(train_file=str(path), text_column_names="data.meta.lang", label_column_name="y.label")
    assert load_text_classification(named).splits["train"]["text"][0] == "en"
    with pytest.raises(
        ValueError, match=r"no column 'text' .* its columns are 'id' \(.*'data.text' \('some words 0'\)"
    ):
        load_text_classification(DataArguments(train_file=str(path), text_column_names="text"))


def test_names_that_have_dots_themselves_and_rows_that_are_no_objects(tmp_path: Path) -> None:
    dotted = '{"a": "x", "a.b": 1}\n{"a": "y", "a.b": 2}\n'
    assert read(tmp_path, "a.jsonl", dotted) == (["a", "a.b"], [("x", 1), ("y", 2)])
    assert read(tmp_path, "b.jsonl", '{"a": {"b": 1}}\n{"a": null}\n')[1] == [(1, None), (None, None)]
    with pytest.raises(ValueError, match="column `a` holds an object in some rows and something else in others"):
        read(tmp_path, "c.jsonl", '{"a": {"b": 1}}\n{"a": "x"}\n')


@pytest.mark.parametrize(
    ("rows", "width"),
    [
        (["the film was long and dull, and more", "I liked the cast, though", "it is what it is, no more"], 1),
        (["Great product!", "Not for me.", "It broke."], 1),
        (["Did it ship at all?", "What is the price of it?", "Why is it so late?"], 1),
        (["a cat sits on the mat\ta cat is on a mat", "he runs down the road\the is running fast"], 2),
    ],
)
def test_a_first_row_of_sentences_is_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[str], width: int
) -> None:
    content = "".join(f'"{row}"\n' for row in rows) if width == 1 else "\n".join(rows)
    names, found = read(tmp_path, "new.csv", content)
    assert names == [f"column_{number}" for number in range(width)]
    assert found == [tuple(row.split("\t")) for row in rows]
    assert "without a header" in caplog.text
    assert "(--no_header false says otherwise)" in caplog.text or "--no_header false say otherwise" in caplog.text
    answered = list(open_rows(str(tmp_path / "new.csv")).rows())
    assert [tuple(row.values()) for row in answered] == found  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "header", ["What did you think of it?", "Tell us what you think of it:", "comments", "Your honest opinion", "Obs."]
)
def test_a_name_above_sentences_is_a_name(tmp_path: Path, header: str) -> None:
    rows = ["the film was long and dull", "I liked the cast", "it is what it is and no more"]
    assert read(tmp_path, "new.csv", "\n".join([header, *rows]))[0] == [header]


def test_each_row_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"a\nb",x\n\nc,y\n', encoding="utf-8")
    rows = read_rows(str(tmp_path / "a.csv"))
    assert [place_of_row(rows, row) for row in range(2)] == ["a.csv, line 2", "a.csv, line 5"]
    (tmp_path / "b.json").write_text(json.dumps(OBJECTS), encoding="utf-8")
    assert place_of_row(read_rows(str(tmp_path / "b.json")), 1) == "b.json, item 1"


def test_several_files_are_one_split(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"part{number}.csv").write_text(f"text,label\na{number},x\n", encoding="utf-8")
    for given in (str(tmp_path / "part*.csv"), str(tmp_path), ", ".join(str(p) for p in sorted(tmp_path.iterdir()))):
        rows = read_splits(SourceArguments(train_file=given), read_rows)["train"]
        assert rows["text"][:] == ["a0", "a1", "a2"], given
        assert place_of_row(rows, 2) == "part2.csv, line 2"
        assert names_files(given)
    assert [row["text"] for row in open_rows(str(tmp_path / "part*.csv")).rows()] == ["a0", "a1", "a2"]
    (tmp_path / "part3.csv").write_text("text,stars\na,x\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"part0.csv' and .*part3.csv' are of one split .*text, label; text, stars"):
        read_splits(SourceArguments(train_file=str(tmp_path / "part*.csv")), read_rows)
    with pytest.raises(FileNotFoundError, match="No file fits"):
        files_of(str(tmp_path / "no*.csv"))


def test_files_of_one_split_may_hold_texts_and_numbers_of_other_widths(tmp_path: Path) -> None:
    def write(name: str, texts: pa.Array, labels: pa.Array) -> str:
        pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / name)
        return str(tmp_path / name)

    one = write("one.parquet", pa.array(["a", "b"], pa.string()), pa.array([0, 1], pa.int32()))
    two = write("two.parquet", pa.array(["c", None], pa.large_string()), pa.array([1, 2**40], pa.int64()))
    half = write("half.parquet", pa.array(["d"], pa.string()), pa.array([0.5], pa.float64()))
    for given in (f"{one},{two}", f"{two},{one}"):
        rows = read_splits(SourceArguments(train_file=given), read_rows)["train"]
        assert sorted(zip(rows["text"][:], rows["label"][:], strict=True), key=str) == sorted(
            [("a", 0), ("b", 1), ("c", 1), (None, 2**40)], key=str
        )
    rows = read_splits(SourceArguments(train_file=f"{one},{half}"), read_rows)["train"]
    assert rows["label"][:] == [0.0, 1.0, 0.5]
    numbers = write("numbers.parquet", pa.array([1, 2]), pa.array([0, 1], pa.int32()))
    with pytest.raises(ValueError, match=r"numbers.parquet' have columns of different types: .*text"):
        read_splits(SourceArguments(train_file=f"{one},{numbers}"), read_rows)


def test_a_folder_of_splits_is_a_dataset(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(PLAIN, encoding="utf-8")
    assert not names_files(str(tmp_path))
    assert not names_files("stanfordnlp/imdb")
    assert names_files("no_such_file.csv.gz")


def test_plain_text_stays_text_unless_it_is_unmistakably_a_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    prose = "It was, after all, fine.\nWell, perhaps, not.\nOne, two, three.\n"
    table = "text\tlabel\na b\tx\nc d\ty\n"
    for name, content, expected in (("a.txt", prose, [prose]), ("b.txt", table, ["a b", "c d"])):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        assert load_language_data(LanguageDataArguments(train_file=str(path))).splits["train"] == expected
        assert open_rows(str(path)).is_plain == (name == "a.txt")
    assert "b.txt: read with the delimiter tab (--delimiter says otherwise)" in caplog.text
    lines = open_rows(str(tmp_path / "b.txt"), options=ReadingArguments(delimiter="none"))
    assert lines.is_plain and len(list(lines.rows())) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-9"}, "`encoding`='utf-9' must be an encoding"),
        ({"encoding": "base64"}, "`encoding`='base64' must be one of text"),
        ({"delimiter": "::"}, "`delimiter`='::' must be one character"),
        ({"quotes": "both"}, "`quotes`='both' must be auto"),
    ],
)
def test_flags_that_cannot_be_followed(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReadingArguments(**options)


def test_two_delimiters_that_both_fit_are_asked_for(tmp_path: Path) -> None:
    content = "a;b,c\nx;1,5\ny;2,5\n"
    with pytest.raises(ValueError, match="',' and ';' stand equally often in each row; .*`--delimiter`"):
        read(tmp_path, "a.csv", content)
    assert read(tmp_path, "a.csv", content, delimiter="semicolon")[1][0] == ("x", "1,5")
