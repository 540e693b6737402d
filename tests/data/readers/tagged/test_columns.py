"""Files with a token on each line: which column is what, what is no token, and what is refused by file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_rnn.data.readers.sentences import TokenDataArguments, load_token_classification
from tests.data.readers.tagged.reading import read, sentence, tagged


ANN = [sentence("Ann/B-PER saw Rome/B-LOC"), sentence("Rome/B-LOC won")]
PLAIN = "Ann B-PER\nsaw O\nRome B-LOC\n\nRome B-LOC\nwon O\n"
CONLLU = """# newdoc
# text = vámonos e fui
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tv\t_\t0\troot\t_\tNER=B-PER|SpaceAfter=No
2\tnos\tnos\tPRON\tp\t_\t1\tobj\t_\t_
2.1\te\te\tCCONJ\tc\t_\t1\tcc\t_\t_
3\tfui a\tir\tVERB\tv\t_\t1\tconj\t_\tSpaceAfter=No

"""


def rows(text: str) -> str:
    return text.replace("|", "\n") + "\n"


BACKWARDS = rows("B-PER x Ann|O x saw|B-LOC x Rome||B-LOC x Rome|O x won")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(" ", "\t"),
        PLAIN.replace(" ", "   "),
        PLAIN.replace(" ", " \t "),
        PLAIN.replace(" ", "\t").replace("\n", "\t\n"),
        PLAIN.replace(" ", ","),
        PLAIN.replace(" ", "|"),
        PLAIN.replace(" ", "/"),
        PLAIN.replace("\n\n", "\n \t \n\n"),
        "token tag\n" + PLAIN,
        "Palavra NER\n\n" + PLAIN,
        "-DOCSTART- O\n\n" + PLAIN.replace("\n\n", "\n-DOCSTART- -X- (2) O\n"),
        "# sent_id = 1\n#begin document (a); part 1\n" + PLAIN + "\n#end document\n",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_headers_comments_and_line_ends(tmp_path: Path, content: str, end: str) -> None:
    assert read(tmp_path / "a.conll", "\ufeff" + content.replace("\n", end)) == ANN


@pytest.mark.parametrize("name", ["a.txt", "a", "a.tsv", "a.iob2", "a.tags", "a.csv"])
def test_any_ending_of_the_name(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name, PLAIN.replace(" ", "," if name.endswith("csv") else "\t")) == ANN


@pytest.mark.parametrize(
    ("content", "columns", "said"),
    [
        (
            rows("Ann NNP B-PER +|saw V O +|Rome N B-LOC -||Rome N B-LOC -|won V O -"),
            {},
            "column 0, the tags from column 2",
        ),
        (
            rows("1 Ann B-PER -|2 saw O -|3 Rome B-LOC -||1 Rome B-LOC -|2 won O -"),
            {},
            "column 1, the tags from column 2",
        ),
        (BACKWARDS, {"token_column": "-1", "tag_column": "0"}, ""),
        ("kind x form\n" + BACKWARDS, {"token_column": "Form", "tag_column": "kind"}, ""),
        ("# global.columns = KIND X FORM\n" + BACKWARDS, {"token_column": "form", "tag_column": "kind"}, ""),
    ],
)
def test_the_columns_are_found_and_said_or_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, columns: dict[str, str], said: str
) -> None:
    assert read(tmp_path / "a.conll", content, **columns) == ANN
    assert said in caplog.text and ("--tag_column" in caplog.text) == bool(said)


@pytest.mark.parametrize(
    ("columns", "tags"),
    [
        ({}, ["VERB", "PRON", "VERB"]),
        ({"tag_column": "xpos"}, ["v", "p", "v"]),
        ({"tag_column": "4"}, ["v", "p", "v"]),
        ({"tag_column": "NER"}, ["B-PER", "O", "O"]),
    ],
)
def test_conllu(tmp_path: Path, columns: dict[str, str], tags: list[str]) -> None:
    """Words are read, not the ranges that are written together, nor what is left out in the text."""
    assert read(tmp_path / "a.conllu", CONLLU, **columns) == [(["vamos", "nos", "fui a"], tags)]


def test_tokens_that_are_hashes_and_marks(tmp_path: Path) -> None:
    """A hash that begins a sentence is a token where its tag is one of the others'."""
    content = '# O\n# B-X\nx O\n\n#tag O\n"\tO\n- O\n-DOC O\n\n# a comment\n# sent 5\n#1 B-X\n'
    expected = [sentence("# #/B-X x"), (["#tag", '"', "-", "-DOC"], ["O"] * 4), (["#1"], ["B-X"])]
    assert read(tmp_path / "a.conll", content.replace("\t", " ")) == expected
    tabs = content.replace(" O", "\tO").replace(" B-X", "\tB-X")
    assert read(tmp_path / "b.conll", tabs) == expected


def test_a_line_that_could_be_a_token_or_a_comment_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The tag of a part of speech that occurs nowhere else; a tag of entities is told by its letter."""
    assert read(tmp_path / "a.conll", "x NN\ny VB\n\n# SYM\nx NN\n") == [(["x", "y"], ["NN", "VB"]), (["x"], ["NN"])]
    assert (
        "1 lines that begin with # and have 2 columns are taken for comments; the first, line 4: '# SYM'"
        in caplog.text
    )
    caplog.clear()
    assert read(tmp_path / "b.conll", "x PER-B\ny O\n\n# SYM-B\nx O\n")[1] == sentence("#/B-SYM x")
    assert "comments" not in caplog.text


def test_the_columns_of_training_are_those_of_the_other_files(tmp_path: Path) -> None:
    """Even where the other file alone would be read otherwise: its last column looks like tags, too."""
    (tmp_path / "train").write_text("Ann B-PER +\nsaw O -\n\nx O +\n")
    (tmp_path / "test").write_text("Bob B-PER O\nran O B-PER\n")
    arguments = TokenDataArguments(train_file=str(tmp_path / "train"), test_file=str(tmp_path / "test"))
    assert tagged(load_token_classification(arguments), "test") == [sentence("Bob/B-PER ran")]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("Ann B-PER\n\nsaw\n", {}, r"a.conll', line 3: expected 2 columns as in the first row, found 1: 'saw'"),
        ("Ann B-PER\n# x\nsaw O O\n", {}, r"line 3: expected 2 columns"),
        ("Ann N\nsaw V\n", {"token_column": "2"}, r"`token_column`=2 must be from -2 to 1: .* 0 \('Ann'\), 1 \('N'\)"),
        ("Ann N\nsaw V\n", {"tag_column": "ner"}, r"`tag_column`='ner': .*no such column; its columns have no names"),
        ("word tag\nAnn B-X\n", {"tag_column": "pos"}, r"its columns have names: 0 word \('Ann'\), 1 tag \('B-X'\)"),
        ("Ann N\nsaw V\n", {"tag_column": "0"}, "`token_column`=0 and `tag_column`=0 are the same of the 2 columns"),
        ("Ann\nsaw\n", {}, "has 1 column: a token and its tag are expected on each line"),
        ("Ann N ann1 +\nsaw V see2 -\n", {}, r"Give `tag_column`: none of the 4 columns .* 3 \('\+'\)"),
        ("Ann B-PER\n" + "saw O\n" * 1500, {}, "is one sentence of 1,501 tokens: it has no blank line"),
        ("Ann B-PER\nsaw PER\nx O\n", {}, "1 of 3 different ones fit no scheme .* 'PER'"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, content: str, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.conll", content, **columns)


def test_a_bad_tag_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(PLAIN)
    (tmp_path / "test.conll").write_text("# a comment\n\n# another\nAnn B-PER\nsaw E-PER\n")
    files = {f"{split}_file": str(tmp_path / f"{split}.conll") for split in ("train", "test")}
    with pytest.raises(ValueError, match=r"of the test split, .*test.conll, line 5: not tagged by .* The tag 'E-PER'"):
        load_token_classification(TokenDataArguments(**files))


@pytest.mark.parametrize("name", ["a.xml", "a.ann", "a.xlsx"])
def test_formats_that_are_not_read_say_what_to_write(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"which is not read. Write a token and its tag on each line"):
        read(tmp_path / name, "x")


def test_a_blank_line_after_each_row_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path / "a.conll", "Ann B-PER\n\nsaw O\n\n" * 30)
    assert "each of its 60 sentences has one token" in caplog.text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Ann/B-PER saw/O Rome/B-LOC\nRome/B-LOC won/O\n", ANN),
        ("# c\nAnn_B-PER saw_O Rome_B-LOC\n\nRome_B-LOC won_O\n", ANN),
        ("Ann_B_PER saw_O Rome_B_LOC\nRome_B_LOC won_O\n", ANN),
        ("Ann|B-PER saw|O Rome|B-LOC\r\nRome|B-LOC won|O", ANN),
        ("1/2/CD ,/, a_b/NN\n////SYM ./.", [(["1/2", ",", "a_b"], ["CD", ",", "NN"]), (["///", "."], ["SYM", "."])]),
        ("vitamin_B_NN is_VB\nThe_DT dog_NN", [(["vitamin_B", "is"], ["NN", "VB"]), (["The", "dog"], ["DT", "NN"])]),
    ],
)
def test_words_with_their_tags_behind_them(tmp_path: Path, content: str, expected: Any) -> None:
    assert read(tmp_path / "a.txt", content) == expected


def test_a_word_without_its_tag_is_named(tmp_path: Path) -> None:
    lines = ["Ann/B-PER saw/O"] * 150
    with pytest.raises(ValueError, match=r"a.txt', line 151: 'ran' has no tag; every item is to be WORD/TAG"):
        read(tmp_path / "a.txt", "\n".join([*lines, "Bob/B-PER ran"]))
