"""Tests of hf_rnn/data/readers/conll.py."""

from __future__ import annotations

import logging

import pytest
from datasets import List, Value

from hf_rnn.data.readers.conll import read_conll, write_conll


FOUR_COLUMNS = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

# 5 CD I-NP O

-DOCSTART- -X- -X- O
Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
"""


@pytest.fixture
def write(tmp_path):
    """write(content) -> path of a file."""

    def write_file(content):
        path = tmp_path / "x.conll"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)

    return write_file


def test_conll_2003(write):
    data = read_conll(write(FOUR_COLUMNS.replace("# 5", "five")))
    assert data.to_list() == [
        {"tokens": ["EU", "rejects"], "ner_tags": ["I-ORG", "O"]},
        {"tokens": ["five"], "ner_tags": ["O"]},
        {"tokens": ["Peter", "Blackburn"], "ner_tags": ["I-PER", "I-PER"]},
    ]
    assert data.features == {"tokens": List(Value("string")), "ner_tags": List(Value("string"))}


def test_comments(write):
    content = "# id = 1\n# text\nA\tO\n#\tO\n# B\tO\n\n#\tB-X\n\n# the end\n"
    data = read_conll(write(content))
    assert data["tokens"][:] == [["A", "#", "# B"], ["#"]]
    assert len(read_conll(write(FOUR_COLUMNS))) == 2, "a line that begins a sentence with '# ' is a comment"


def test_columns(write):
    path = write("1\tA\tNN\tO\n2\tB\tVB\tB-X\n")
    assert read_conll(path, token_column=1)["tokens"][:] == [["A", "B"]]
    assert read_conll(path, token_column=-3, tag_column=2).to_list() == [
        {"tokens": ["A", "B"], "ner_tags": ["NN", "VB"]}
    ]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffA O\r\nB B-X\r\n\r\n\r\nC O\r\n",
        "A   O \nB  B-X\n \t \nC O",
        "\n\nA\tO\nB\tB-X\n\nC\tO\n\n\n",
    ],
)
def test_line_ends_and_separators(write, content):
    assert read_conll(write(content)).to_list() == [
        {"tokens": ["A", "B"], "ner_tags": ["O", "B-X"]},
        {"tokens": ["C"], "ner_tags": ["O"]},
    ]


def test_unusual_characters_are_part_of_a_token(write):
    """A no-break space, a line separator, a next line: none ends a column or a line."""
    data = read_conll(write("10\xa0000 O\na\u2028b O\nc\x85d B-X\n"))
    assert data["tokens"][:] == [["10\xa0000", "a\u2028b", "c\x85d"]]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("A NN O\n\nB\n", {}, r"line 3: expected 3 columns as in the first row, found 1: 'B'"),
        ("A O\nB NN O\n", {}, "line 2: expected 2 columns as in the first row, found 3"),
        ("A O\n", {"token_column": 2}, "`token_column`=2 must be from -2 to 1: the file .* has 2 columns"),
        ("A O\n", {"tag_column": -3}, "`tag_column`=-3 must be from -2 to 1"),
        ("A\nB\n", {}, "`token_column`=0 and `tag_column`=-1 are the same of the 1 columns"),
        ("A O\n", {"token_column": 1, "tag_column": -1}, "`token_column`=1 and `tag_column`=-1 are the same"),
        ("# a\n\n-DOCSTART- O\n", {}, "has no sentences"),
        ("", {}, "is empty"),
        (b"A O\n\xff O\n", {}, "it is not UTF-8, and may be .*`--encoding`"),
    ],
)
def test_bad_files(write, content, arguments, message):
    path = write(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_conll(path, **arguments)
    assert path in str(raised.value)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_conll(str(tmp_path / "no.conll"))


def test_round_trip(tmp_path):
    sentences = [
        [["#", "O", "O"], ["EU", "B-ORG", "I-ORG"]],
        [["10\xa0000", "O", "O"], ["\u200b", "O", "B-X"], ['"', "O", "O"], ["\ufeff", "O", "O"]],
        [["é", "B-X", "B-X"]],
    ]
    path = tmp_path / "x.conll"
    write_conll(path, iter(sentences))
    data = read_conll(str(path))
    predicted = read_conll(str(path), tag_column=1)
    again = [
        [list(row) for row in zip(*columns, strict=True)]
        for columns in zip(data["tokens"], predicted["ner_tags"], data["ner_tags"], strict=True)
    ]
    assert again == sentences


def test_empty_sentences_cannot_be_written(tmp_path, caplog):
    path = tmp_path / "x.conll"
    with caplog.at_level(logging.WARNING):
        write_conll(path, [[("A", "O")], [], [("B", "O")], []])
    assert path.read_bytes() == b"A\tO\n\nB\tO\n\n"
    assert "2 sentences without a token are not in" in caplog.text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["", "O"], "Sentence 1, row 1 .from 0.: column 0 is ''"),
        (["a b", "O"], "Sentence 1, row 1 .from 0.: column 0 is 'a b'; it must not be empty and hold no space"),
        (["a", "O\t"], "column 1 is"),
        (["a\r", "O"], "column 0 is"),
        (["a\n", "O"], "column 0 is"),
        (["a"], r"expected 2 columns as in the first row, found 1: \['a'\]"),
    ],
)
def test_what_the_format_cannot_hold(tmp_path, row, message):
    with pytest.raises(ValueError, match=message):
        write_conll(tmp_path / "x.conll", [[["A", "O"]], [["B", "O"], row]])
    assert read_conll(str(tmp_path / "x.conll"))["tokens"][:] == [["A"]]
